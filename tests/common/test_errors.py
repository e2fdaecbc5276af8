"""How sentences list names: the first ones and how many more there are, and the nearest one to an unknown name."""

import pytest

from common.errors import first_few, unknown_name


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, ""), (1, "a0"), (3, "a0, a1, a2"), (4, "a0, a1, a2 and 1 more"), (9, "a0, a1, a2 and 6 more")],
)
def test_the_first_names_and_how_many_more_there_are(count: int, text: str) -> None:
    names = [f"a{number}" for number in range(count)]
    assert first_few(names) == text
    assert first_few(names, 9) == ", ".join(names)


def test_an_unknown_name() -> None:
    assert unknown_name("decoder", "pyaw", ["pyav", "decord"]) == (
        "no decoder 'pyaw'; did you mean 'pyav'? known: pyav, decord"
    )
    assert unknown_name("decoder", "x", ["pyav"]) == "no decoder 'x'; known: pyav"
