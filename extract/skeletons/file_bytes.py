"""All bytes of a skeleton file, or why there are none. The readers work in memory, so what is too large stays out."""

from pathlib import Path
from stat import S_ISREG

from extract.clip import DecodeError

MAX_BYTES = 16 << 20  # 16 MiB; NTU RGB+D's largest files, the largest of all, have two or three
MAX_FRAMES = 100_000  # an hour at 30 Hz; what a file claims beyond that is damage


def read_bytes(path: Path) -> bytes:
    """Read a file.

    Raises:
        DecodeError: it does not exist, is no file, is empty, larger than MAX_BYTES, or the system cannot read it.
    """
    try:
        status = path.stat()
        if not S_ISREG(status.st_mode):
            raise DecodeError("not a file")
        if status.st_size > MAX_BYTES:
            raise DecodeError(f"larger than {MAX_BYTES >> 20} MiB: not the skeleton of one clip")
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise DecodeError("the file does not exist") from error
    except OSError as error:
        raise DecodeError(f"the file cannot be read: {error.strerror}") from error
    if not content:
        raise DecodeError("the file is empty")
    return content
