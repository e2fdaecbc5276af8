"""A colour for each class that is shown, so that a class has one colour in all frames and, with few classes, videos."""

import colorsys
from collections.abc import Iterable, Sequence

FIRST = ("#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")  # Okabe and Ito's, without that of the decision
FIXED = 12  # classes whose colour is the same in every video: those that are easily told apart
GOLDEN = 0.61803398875  # of the circle of hues, so that any number of hues are far from each other
LIGHTNESS, SATURATION = (0.30, 0.62, 0.46), 0.55


def class_colours(classes: Sequence[str], shown: Iterable[str]) -> dict[str, str]:
    """Return a colour, as #RRGGBB, for each class that is shown. No two of them have the same.

    The colour of a class depends on its index, so it is the same in every video, as long as there are at most `FIXED`
    classes. Of more classes, the one that is shown later gets the next colour that is free.

    Args:
        classes: all classes of the model, in their order.
        shown: those that are shown, the first one first.
    """
    different = list(dict.fromkeys(shown))
    index = {name: number for number, name in enumerate(classes)}
    count = max(FIXED, len(different))
    taken: dict[int, str] = {}
    for name in different:
        place = index[name] % count
        while place in taken:
            place = (place + 1) % count
        taken[place] = name
    return {name: _colour(place) for place, name in taken.items()}


def _colour(place: int) -> str:
    if place < len(FIRST):
        return FIRST[place]
    hue = place * GOLDEN % 1
    red, green, blue = colorsys.hls_to_rgb(hue, LIGHTNESS[place % len(LIGHTNESS)], SATURATION)
    return f"#{round(255 * red):02X}{round(255 * green):02X}{round(255 * blue):02X}"
