"""Folders of clips for the tests of the import. The content of a clip is never read, so any bytes will do."""

from collections.abc import Iterable
from pathlib import Path

import pytest


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    """The folder of the clips, still empty."""
    folder = tmp_path / "videos"
    folder.mkdir()
    return folder


def write_clips(folder: Path, paths: Iterable[str]) -> None:
    for path in paths:
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"clip")


def clips_of(classes: Iterable[str], count: int, name: str = "{label}/clip{number}.mp4") -> list[str]:
    return [name.format(label=label, number=number) for label in classes for number in range(count)]
