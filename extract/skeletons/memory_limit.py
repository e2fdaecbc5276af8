"""A limit on the memory that a block of code may take, for compressed files whose unpacked size is not known."""

import contextlib
import resource
from collections.abc import Iterator
from pathlib import Path

STATM = Path("/proc/self/statm")  # its first number is the memory of this process, in pages


@contextlib.contextmanager
def limit_memory(size: int) -> Iterator[None]:
    """Let this process take at most `size` more bytes of memory until the end of the block.

    The limit holds for the whole process: use it where nothing else runs, as in a decode worker. On systems without
    /proc there is no limit.

    Raises:
        MemoryError: inside the block, if it takes more.
    """
    if not STATM.exists():
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = int(STATM.read_text().split()[0]) * resource.getpagesize() + size
    limits = [limit, *(other for other in (soft, hard) if other != resource.RLIM_INFINITY)]
    resource.setrlimit(resource.RLIMIT_AS, (min(limits), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
