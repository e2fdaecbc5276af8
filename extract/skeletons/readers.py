"""Reads a skeleton file of any known format, chosen by the file's suffix."""

from collections.abc import Callable
from pathlib import Path

from extract.clip import DecodeError
from extract.skeletons.ntu import read_ntu
from extract.skeletons.skeleton import Skeleton
from extract.skeletons.stick_figures import read_stick_figures


def _read_matlab(path: Path) -> Skeleton:
    # Imported here because it loads SciPy, which only the decode worker needs and only for these files.
    from extract.skeletons.matlab import read_matlab

    return read_matlab(path)


READERS: dict[str, Callable[[Path], Skeleton]] = {
    ".skeleton": read_ntu,
    ".mat": _read_matlab,
    ".npy": read_stick_figures,
}


def read_skeleton(path: Path) -> Skeleton:
    """Read a skeleton file. For the decode worker: libraries may crash on a damaged file, and a worker may die.

    Raises:
        DecodeError: of no known suffix, or its reader cannot read it.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise DecodeError(f"no skeleton file: it ends in {path.suffix or 'nothing'!r}, not in {', '.join(READERS)}")
    return reader(path)
