"""What a clip's features were made of, so that another file in its place is noticed when a run goes on."""

import os
from dataclasses import dataclass
from pathlib import Path

from extract.decoding.frame_folder import SUFFIXES
from extract.sources.location import is_url


@dataclass(frozen=True)
class Source:
    """A clip's file.

    Attributes:
        path: as the list of clips has it; of a member of an archive, its name there.
        size: bytes of the file, of the member, or of all pictures in a folder; None: not known.
    """

    path: str
    size: int | None


def source_of(path: str, place: str, size: int) -> Source:
    """Look at a clip's file.

    Args:
        path: as the list of clips has it.
        place: the file, the folder of pictures, or its URL.
        size: bytes of a member of an archive; 0: it is in none.
    """
    if size or is_url(place):
        return Source(path, size or None)
    if Path(place).is_dir():
        with os.scandir(place) as entries:
            return Source(
                path, sum(entry.stat().st_size for entry in entries if Path(entry).suffix.lower() in SUFFIXES)
            )
    return Source(path, Path(place).stat().st_size if Path(place).is_file() else None)
