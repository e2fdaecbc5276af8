"""The share of the labels in words."""

import pytest

from evaluate.tables.notes import labels_in_words


@pytest.mark.parametrize(
    ("share", "kept", "words"),
    [
        ("all", 1.0, "all of the training labels"),
        ("10%", None, "10% of the training labels"),
        ("10%", 0.1003, "10% of the training labels"),
        ("1%", 1 / 6, "1% of the training labels asked, 17% kept"),
        ("10%", 27 / 323, "10% of the training labels asked, 8.4% kept"),
        ("60%", 1.0, "60% of the training labels asked, 100% kept"),
    ],
)
def test_what_was_asked_and_what_was_kept(share: str, kept: float | None, words: str) -> None:
    assert labels_in_words(share, kept) == words
