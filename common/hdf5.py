"""Open HDF5 files, and explain errors of the operating system. Every HDF5 file is opened here.

HDF5's own lock is never taken. A writer holds a lock of `common.locks` and writes under a temporary name that is
renamed when the file is complete, so a reader never opens a file that is being written. HDF5's lock would add nothing,
and it fails on a file system that has no locks.
"""

import errno
import os
from pathlib import Path
from typing import Literal

import h5py

from common.errors import UserError
from common.locks import NO_LOCKS

VARIABLE = "HDF5_USE_FILE_LOCKING"  # for HDF5, it comes before any argument


def open_hdf5(path: Path, mode: Literal["r", "w"] = "r") -> h5py.File:
    """Open an HDF5 file without HDF5's lock.

    Args:
        path: the file.
        mode: "r" to read; "w" to write a new file.

    Raises:
        OSError: from h5py. `errno` is set if the operating system refused, and None if the content is damaged.
    """
    return h5py.File(path, mode, locking=False)


def refuse_system_error(path: Path, error: Exception) -> None:
    """Raise a `UserError` if the operating system refused to read a file; return if its content is damaged.

    Args:
        path: the file.
        error: the exception from h5py.

    Raises:
        UserError: the file cannot be read. Its content may be correct.
    """
    number = error.errno if isinstance(error, OSError) else None
    if number is None or number == errno.ENOENT:
        return
    hint = "the file itself may be whole: look at the disk or the network, and try again"
    if number in NO_LOCKS:
        hint = f"its file system has no locks, and {VARIABLE}={os.environ.get(VARIABLE, '')} asks for one: unset it"
    elif number in (errno.EACCES, errno.EPERM):
        hint = "look at its owner and mode"
    elif number == errno.EISDIR:
        hint = "give the file"
    raise UserError(f"cannot read {path}: {os.strerror(number)}; {hint}") from error
