"""Memory that a decode worker and its parent both see: a clip goes over in one copy, where a pipe takes three.

One buffer a worker, as large as its largest clip so far. Who may write it when is agreed in `pool` and `decode_worker`.
"""

import mmap
import os
import sys
import tempfile

import numpy as np
from numpy.typing import NDArray


class SharedBuffer:
    """Bytes in memory behind a descriptor, which the process that starts another one passes on to it.

    Args:
        descriptor: of a buffer that another process made; None: a new one.
    """

    def __init__(self, descriptor: int | None = None) -> None:
        self.descriptor = _nameless_file() if descriptor is None else descriptor
        self._bytes = np.empty(0, np.uint8)

    def first(self, size: int) -> NDArray[np.uint8]:
        """Return the first `size` bytes, to read or to write; the buffer grows where it is smaller."""
        if len(self._bytes) < size:
            if os.fstat(self.descriptor).st_size < size:
                os.ftruncate(self.descriptor, size)
            self._bytes = np.frombuffer(mmap.mmap(self.descriptor, 0), np.uint8)  # all of it
        return self._bytes[:size]

    def close(self) -> None:
        """Free the memory, as soon as the other process has ended too."""
        self._bytes = np.empty(0, np.uint8)
        os.close(self.descriptor)


def _nameless_file() -> int:
    if sys.platform == "linux":
        return os.memfd_create("clip")  # not in /dev/shm, which containers keep at 64 MB
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
