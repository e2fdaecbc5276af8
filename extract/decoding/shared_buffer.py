"""Memory that a decode worker shares with its parent: a clip is copied once, where a pipe would copy it three times.

Each worker has one buffer, as large as its largest clip so far. The worker writes to it during a task, and the parent
reads it before it sends the next task.
"""

import mmap
import os
import sys
import tempfile

import numpy as np
from numpy.typing import NDArray


class SharedBuffer:
    """Bytes in memory with a file descriptor, which a process passes on to the process that it starts.

    Args:
        descriptor: the descriptor of a buffer that another process made; None: make a new buffer.
    """

    def __init__(self, descriptor: int | None = None) -> None:
        self.descriptor = _nameless_file() if descriptor is None else descriptor
        self._bytes = np.empty(0, np.uint8)

    def first(self, size: int) -> NDArray[np.uint8]:
        """Return the first `size` bytes, to read or to write. A smaller buffer grows."""
        if len(self._bytes) < size:
            if os.fstat(self.descriptor).st_size < size:
                os.ftruncate(self.descriptor, size)
            self._bytes = np.frombuffer(mmap.mmap(self.descriptor, 0), np.uint8)  # all of it
        return self._bytes[:size]

    def close(self) -> None:
        """Release the buffer. The system frees the memory when the other process has ended too."""
        self._bytes = np.empty(0, np.uint8)
        os.close(self.descriptor)


def _nameless_file() -> int:
    if sys.platform == "linux":
        return os.memfd_create("clip")  # not in /dev/shm, which has only 64 MB in containers
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
