"""The colours of classes in annotated videos: different, and the same in every video."""

import pytest

from evaluate.live.class_colours import FIXED, class_colours
from evaluate.live.panel import DECIDED


@pytest.mark.parametrize("count", [1, 6, FIXED, 101, 400])
def test_shown_classes_have_different_colours(count: int) -> None:
    classes = [f"class {number}" for number in range(count)]
    colours = class_colours(classes, classes)
    assert list(colours) == classes and len({DECIDED, *colours.values()}) == count + 1


def test_a_class_has_the_same_colour_in_every_video() -> None:
    classes = [f"class {number}" for number in range(FIXED)]
    every = class_colours(classes, classes)
    assert class_colours(classes, [classes[7], classes[2], classes[7]]) == {
        name: every[name] for name in classes[7:1:-5]
    }


def test_two_of_many_classes_never_share_a_colour() -> None:
    classes = [f"class {number}" for number in range(3 * FIXED)]
    shown = [classes[5], classes[5 + FIXED], classes[5 + 2 * FIXED]]
    assert len(set(class_colours(classes, shown).values())) == 3
    assert class_colours(classes, shown)[classes[5]] == class_colours(classes, classes[:6])[classes[5]]
