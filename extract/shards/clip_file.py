"""Path and size of the file that a clip's features were made of, to notice that another file took its place."""

import os
from dataclasses import dataclass
from pathlib import Path

from extract.decoding.frame_folder import SUFFIXES
from extract.sources.location import is_url


@dataclass(frozen=True)
class ClipFile:
    """A clip's file.

    Attributes:
        path: as the list of clips has it; of a member of an archive, its name there.
        size: bytes of the file, of the member, or of all pictures in a folder; None: unknown.
    """

    path: str
    size: int | None


def look_up_clip_file(path: str, place: str, size: int) -> ClipFile:
    """Return path and size of a clip's file.

    Args:
        path: as the list of clips has it.
        place: the file, the folder of pictures, or its URL.
        size: bytes of a member of an archive; 0: the file is in no archive.
    """
    if size or is_url(place):
        return ClipFile(path, size or None)
    try:
        if Path(place).is_dir():
            with os.scandir(place) as entries:
                return ClipFile(
                    path, sum(entry.stat().st_size for entry in entries if Path(entry).suffix.lower() in SUFFIXES)
                )
        return ClipFile(path, Path(place).stat().st_size if Path(place).is_file() else None)
    except OSError:  # it may not be read, or its name is too long: the decoder fails with the reason
        return ClipFile(path, None)
