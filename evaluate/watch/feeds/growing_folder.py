"""A folder that fills up as a feed: images that another program writes, one a frame.

The time of a frame is that of its file. The order is that of the names, so a name must sort after those before it.
"""

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evaluate.watch.feeds.feed import Feed, Notice
from evaluate.watch.picks import LiveFrame
from extract.clip import DecodeError
from extract.decoding.frame_folder import SUFFIXES
from extract.decoding.image_file import read_image

POLL_SECONDS = 0.02
SETTLE_SECONDS = 1.0  # a file that cannot be read for so long is damaged; before, it may still be written


class GrowingFolderFeed(Feed):
    """A folder of images."""

    def matches(self, source: str) -> bool:
        """See `Feed.matches`."""
        return Path(source).is_dir()

    def frames(self, source: str, stall_seconds: float, notice: Notice) -> Iterator[LiveFrame]:
        """See `Feed.frames`. The images that are there at the beginning are left out: they are no live ones."""
        before = _images(Path(source))
        last = max(before, default="")
        changed = time.monotonic()
        while True:
            new = [name for name in _images(Path(source)) if name > last]
            for name in new:
                file = Path(source, name)
                last = name
                try:
                    image, moment = _read(file), file.stat().st_mtime
                except (DecodeError, OSError) as error:
                    notice(f"{name} was left out: {getattr(error, 'strerror', None) or error}")
                    continue
                yield LiveFrame(moment, time.monotonic(), partial(_same, image))
                changed = time.monotonic()
            if time.monotonic() - changed > stall_seconds:
                old = f"; the {len(before)} images that were there at the beginning are left out" if before else ""
                raise DecodeError(f"no new image for {stall_seconds:g} s{old}")
            if not new:
                time.sleep(POLL_SECONDS)


def _images(folder: Path) -> list[str]:
    try:
        return sorted(file.name for file in folder.iterdir() if file.suffix.lower() in SUFFIXES)
    except OSError as error:
        raise DecodeError(f"the folder cannot be read: {error.strerror}") from error


def _read(file: Path) -> NDArray[np.uint8]:
    """Return an image, once it is written to its end."""
    until = time.monotonic() + SETTLE_SECONDS
    while True:
        try:
            return read_image(file)
        except DecodeError:
            if time.monotonic() > until:
                raise
            time.sleep(POLL_SECONDS)


def _same(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return image


GROWING_FOLDER = GrowingFolderFeed("a folder that fills up with images", live=True)
