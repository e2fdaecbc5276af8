"""The readers of skeleton files, by the suffix of the file."""

from collections.abc import Callable
from pathlib import Path

from extract.clip import DecodeError
from extract.skeletons.ntu import read_ntu
from extract.skeletons.skeleton import Skeleton
from extract.skeletons.stick_figures import read_stick_figures


def _read_matlab(path: Path) -> Skeleton:
    # SciPy takes a second to import, and only these files need it.
    from extract.skeletons.matlab import read_matlab

    return read_matlab(path)


READERS: dict[str, Callable[[Path], Skeleton]] = {
    ".skeleton": read_ntu,
    ".mat": _read_matlab,
    ".npy": read_stick_figures,
}


def read_skeleton(path: Path) -> Skeleton:
    """Read a skeleton file. Only decode workers call this, because libraries may crash on a damaged file.

    Raises:
        DecodeError: the suffix is not known, or the reader cannot read the file.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise DecodeError(f"no skeleton file: it ends in {path.suffix or 'nothing'!r}, not in {', '.join(READERS)}")
    return reader(path)
