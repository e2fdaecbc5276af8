"""A tenth of the training clips for validation, in whole sources, the same whichever files are there."""

import pytest

from common.errors import UserError
from manifests.datasets.source_hold_out import hold_out_sources

CLASSES = [name for name in ("run", "walk") for _ in range(60)]
SOURCES = [f"{name}{number // 3}" for name in ("run", "walk") for number in range(60)]  # of three clips each
SPLITS = (["train"] * 45 + ["test"] * 15) * 2


def test_a_tenth_of_each_class_in_whole_sources() -> None:
    held = hold_out_sources("mine", CLASSES, SOURCES, SPLITS, None)
    assert [split == "test" for split in held] == [split == "test" for split in SPLITS]
    of_source = {source: {one for one, name in zip(held, SOURCES, strict=True) if name == source} for source in SOURCES}
    assert all(len(splits) == 1 for splits in of_source.values())
    validation = [name for name, split in zip(CLASSES, held, strict=True) if split == "validation"]
    assert {name: validation.count(name) for name in ("run", "walk")} in (
        {"run": 3, "walk": 6},
        {"run": 6, "walk": 3},
        {"run": 6, "walk": 6},
    )
    assert held == hold_out_sources("mine", CLASSES, SOURCES, SPLITS, None)


def test_an_empty_choice_holds_out_nothing_and_numbers_are_refused() -> None:
    assert hold_out_sources("mine", CLASSES, SOURCES, SPLITS, []) == SPLITS
    assert hold_out_sources("mine", ["run"], ["a"], ["test"], None) == ["test"]
    with pytest.raises(UserError, match="mine holds out sources, which have no numbers; leave the hold-out out"):
        hold_out_sources("mine", CLASSES, SOURCES, SPLITS, [1])
