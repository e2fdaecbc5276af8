"""Any skeleton file that we know, by its suffix."""

from collections.abc import Callable
from pathlib import Path

from extract.clip import DecodeError
from extract.skeletons.matlab import read_matlab
from extract.skeletons.ntu import read_ntu
from extract.skeletons.skeleton import Skeleton
from extract.skeletons.stick_figures import read_stick_figures

READERS: dict[str, Callable[[Path], Skeleton]] = {
    ".skeleton": read_ntu,
    ".mat": read_matlab,
    ".npy": read_stick_figures,
}


def read_skeleton(path: Path) -> Skeleton:
    """Read a skeleton file.

    Raises:
        DecodeError: of no known suffix, or its reader cannot read it.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise DecodeError(f"no skeleton file: it ends in {path.suffix or 'nothing'!r}, not in {', '.join(READERS)}")
    return reader(path)
