"""All bytes of a skeleton file, or the reason why it is refused. Readers work in memory, so the size is limited."""

from pathlib import Path
from stat import S_ISREG

from extract.clip import MISSING_FILE, DecodeError

MAX_BYTES = 16 << 20  # 16 MiB; the largest files are NTU RGB+D's, with two or three MiB
MAX_FRAMES = 100_000  # an hour at 30 Hz; a file that claims more is damaged


def read_bytes(path: Path) -> bytes:
    """Read a file.

    Raises:
        DecodeError: it does not exist, is no file, is empty or larger than MAX_BYTES, or the system cannot read it.
    """
    try:
        status = path.stat()
        if not S_ISREG(status.st_mode):
            raise DecodeError("not a file")
        if status.st_size > MAX_BYTES:
            raise DecodeError(f"larger than {MAX_BYTES >> 20} MiB: not the skeleton of one clip")
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise DecodeError(MISSING_FILE) from error
    except OSError as error:
        raise DecodeError(f"the file cannot be read: {error.strerror}") from error
    if not content:
        raise DecodeError("the file is empty")
    return content
