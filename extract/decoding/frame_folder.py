"""A recording that is a folder of pictures, as SYSU 3DHOI's, read as a video is: its frames in order, exact.

Order is that of the numbers in the names, so `10.jpg` comes after `9.jpg`. Videos are in `decode.py`.
"""

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from extract.clip import DecodeError

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp"}


def frame_files(folder: Path) -> list[Path]:
    """Return the pictures of a folder in the order of their numbers; other files are not looked at."""
    files = (path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and not path.name.startswith("."))
    return sorted(files, key=lambda path: ([int(number) for number in re.findall(r"\d+", path.stem)], path.name))


def read_frames(folder: Path) -> Iterator[Callable[[], NDArray[np.uint8]]]:
    """Yield each frame in order, opened only when its function is called: (H, W, 3) uint8 RGB."""
    for path in frame_files(folder):
        yield partial(_open, path)


def _open(path: Path) -> NDArray[np.uint8]:
    try:
        with Image.open(path) as picture:
            return np.asarray(picture.convert("RGB"))
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        raise DecodeError(f"the picture {path.name} cannot be read: {error}") from error
