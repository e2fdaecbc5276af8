"""The readers of skeleton files, by the suffix of the file."""

from collections.abc import Callable
from pathlib import Path, PurePosixPath

from extract.clip import DecodeError
from extract.skeletons.joint_arrays import read_joint_array
from extract.skeletons.joint_list import JointList
from extract.skeletons.joint_rows import read_joint_rows
from extract.skeletons.ntu import read_ntu
from extract.skeletons.skeleton import Skeleton


def _read_matlab(path: Path, joint_list: JointList | None) -> Skeleton:
    # SciPy takes a second to import, and only these files need it.
    from extract.skeletons.matlab import read_matlab

    return read_matlab(path)


READERS: dict[str, Callable[[Path, JointList | None], Skeleton]] = {
    ".skeleton": lambda path, joint_list: read_ntu(path),
    ".mat": _read_matlab,
    ".npy": read_joint_array,
    ".csv": read_joint_rows,
}


def is_skeleton_file(path: str) -> bool:
    """Tell whether a path or a URL, with or without a query, has the suffix of a skeleton file."""
    return PurePosixPath(path.partition("?")[0] if "://" in path else path).suffix.lower() in READERS


def read_skeleton(path: Path, joint_list: JointList | None = None) -> Skeleton:
    """Read a skeleton file. Only decode workers call this, because libraries may crash on a damaged file.

    Args:
        path: the file.
        joint_list: of the set, for files in a general format; None: it has none.

    Raises:
        DecodeError: the suffix is not known, or the reader cannot read the file.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise DecodeError(f"no skeleton file: it ends in {path.suffix or 'nothing'!r}, not in {', '.join(READERS)}")
    return reader(path, joint_list)
