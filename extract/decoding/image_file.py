"""One image file as a frame: upright, RGB, 8 bits a channel. An image that cannot become that clearly is refused."""

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from extract.clip import DecodeError

# struct.error comes from damaged EXIF data, which Pillow writes again for the upright copy
UNREADABLE = (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError, struct.error)


def read_image(path: Path) -> NDArray[np.uint8]:
    """Return an image as it is meant to be seen: (H, W, 3) uint8 RGB, turned as its EXIF data say.

    Raises:
        DecodeError: the file is no image, damaged, an animation, partly transparent, or has more than 8 bits a channel.
    """
    try:
        with Image.open(path) as picture:
            _refuse_doubtful(picture, path.name)
            return np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))
    except UNREADABLE as error:
        raise DecodeError(f"the picture {path.name} cannot be read: {error}") from error


def _refuse_doubtful(picture: Image.Image, name: str) -> None:
    # An MPO is a camera's JPEG with further images after the main one.
    if picture.format != "MPO" and getattr(picture, "n_frames", 1) > 1:
        raise DecodeError(f"the picture {name} is an animation; save each of its pictures as a file of its own")
    if picture.mode.startswith(("I", "F")):  # Pillow would clip the values: depth in millimetres would become white
        raise DecodeError(
            f"the picture {name} has more than 8 bits a pixel ({picture.mode}), and which value is white is not known: "
            "choose the range, scale it to 0…255 and save 8-bit pictures"
        )
    if picture.has_transparency_data and picture.convert("RGBA").getchannel("A").getextrema() != (255, 255):
        raise DecodeError(f"the picture {name} is partly transparent; save it on a background, without transparency")
