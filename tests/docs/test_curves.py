"""The page about training curves names every column that a training writes."""

import re
from dataclasses import fields
from pathlib import Path

from distill.training_state import EpochResult
from extract.va_cnn.training_state import VaCnnEpoch

PAGE = Path(__file__).parent.parent.parent / "docs" / "curves.md"


def columns_of(section: str) -> set[str]:
    """Return what is in the first columns of a section's table."""
    text = PAGE.read_text(encoding="utf-8").split(f"## {section}\n")[1].split("\n## ")[0]
    cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    return {name for cell in cells for name in re.findall("`(.*?)`", cell)}


def test_the_columns_of_students_and_teachers() -> None:
    row = EpochResult(1, 0.5, {"NAME": 0.5}, 0.5, 0.5, (0.5,) * 10).as_row()
    middle = {f"validation_accuracy_{ratio}" for ratio in range(20, 100, 10)}
    assert columns_of("Students and teachers") == row.keys() - middle


def test_the_columns_of_va_cnn() -> None:
    assert columns_of("VA-CNN") == {field.name for field in fields(VaCnnEpoch)}
