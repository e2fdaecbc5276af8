"""Clips are divided by class, groups stay together, and every split has clips."""

import random
from collections import defaultdict

import pytest

from common.errors import UserError
from manifests.importing.division import Shares, divide, split_counts

SHARES = {"train": 0.6, "validation": 0.15, "test": 0.25}


def counts_of(classes: list[str], splits: list[str]) -> list[tuple[int, ...]]:
    return [tuple(own.values()) for own in split_counts(classes, splits).values()]


@pytest.mark.parametrize(
    ("clips", "fewest"),
    [(2, (1, 0, 0)), (3, (1, 0, 1)), (4, (2, 1, 1)), (5, (2, 1, 1)), (20, (11, 2, 4)), (100, (58, 13, 23))],
)
def test_every_class_is_in_every_split_as_far_as_it_has_clips(clips: int, fewest: tuple[int, ...]) -> None:
    for seed in range(20):
        classes = [label for label in "abcdef" for _ in range(clips)]
        splits = divide(classes, [str(number) for number in range(len(classes))], SHARES, seed)
        counts = counts_of(classes, splits)
        for split, least in enumerate(fewest):
            assert min(own[split] for own in counts) >= least
        for split, share in zip(SHARES, SHARES.values(), strict=True):
            assert abs(splits.count(split) - share * len(classes)) <= 3


def test_groups_over_all_classes_stay_together() -> None:
    """As the subjects of UTD-MHAD: each does every action."""
    rows = [(f"action{action}", f"s{subject}") for action in range(27) for subject in range(8) for _ in range(4)]
    splits = divide([label for label, _ in rows], [group for _, group in rows], SHARES, 0)
    of_group = defaultdict(set)
    for (_, group), split in zip(rows, splits, strict=True):
        of_group[group].add(split)
    assert all(len(own) == 1 for own in of_group.values())
    assert [splits.count(split) // 108 for split in SHARES] == [5, 1, 2]


def test_random_groups_are_never_divided_and_every_class_is_trained() -> None:
    for seed in range(30):
        draw = random.Random(seed)
        groups = [f"g{draw.randrange(40)}" for _ in range(300)]
        classes = [f"c{draw.randrange(6)}" for _ in groups]
        splits = divide(classes, groups, SHARES, seed)
        assert len(set(zip(groups, splits, strict=True))) == len(set(groups))
        assert all(min(own) > 0 for own in counts_of(classes, splits))


def test_the_seed_decides_and_the_order_of_the_clips_does_not() -> None:
    classes = [label for label in "ab" for _ in range(20)]
    groups = [str(number) for number in range(40)]
    first = dict(zip(groups, divide(classes, groups, SHARES, 0), strict=True))
    again = dict(zip(groups[::-1], divide(classes[::-1], groups[::-1], SHARES, 0), strict=True))
    assert first == again
    assert first != dict(zip(groups, divide(classes, groups, SHARES, 1), strict=True))


def test_two_clips_of_two_classes_make_three_splits() -> None:
    splits = divide(["a", "a", "b", "b"], ["1", "2", "3", "4"], SHARES, 0)
    assert sorted(splits) == ["test", "train", "train", "validation"]


def test_too_few_clips_and_wrong_shares_are_refused() -> None:
    with pytest.raises(UserError, match="3 groups or single clips of 2 classes are too few for the splits train, val"):
        divide(["a", "a", "b"], ["1", "2", "3"], SHARES, 0)
    for shares, sentence in {
        (0.0, 0.2): "--val 0 is no share",
        (0.2, 1.0): "--test 1 is no share",
        (float("nan"), 0.2): "--val nan is no share",
        (0.5, 0.5): "--val 0.5 and --test 0.5 leave no clips for training",
    }.items():
        with pytest.raises(UserError, match=sentence):
            Shares(*shares)
