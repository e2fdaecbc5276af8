"""The resize of decoded frames in a decode worker: the same bytes as Pillow's and as `extract.networks.resize`.

With a network on a CPU the workers resize, so a large frame is never copied to another process. Only numpy is used,
because workers that load torch start seconds later. Each pass is a product of float64 matrices with the weights of
`extract.networks.pillow_weights`. Before a product the resized axis comes first in memory, so the three channels need
no weights of their own. scipy's sparse int32 products take 0.8 times as long for the bilinear filter and 1.1 times for
the bicubic one (measured), and scipy takes 0.2 s to import.
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from extract.networks.geometry import Geometry
from extract.networks.pillow_weights import Axis, Band, Interpolation, weight_bands

STRIP_BYTES = 3 << 19  # of float64 pixels at once: they stay in the cache of a core
Number = TypeVar("Number", bound=np.generic)

SHRINKS = 2  # from this scale on, smaller bands take less time


class FrameResizer:
    """Resizes the frames of a video, and keeps its memory from frame to frame: new pages take as long as the products.

    Args:
        geometry: the part of a frame that the network sees, and the size of it.
    """

    def __init__(self, geometry: Geometry) -> None:
        self.geometry = geometry
        self._pixels: NDArray[np.float64] = np.empty(0)
        self._sums: NDArray[np.float64] = np.empty(0)
        self._levels: NDArray[np.int16] = np.empty(0, np.int16)
        self._passed: NDArray[np.uint8] = np.empty(0, np.uint8)

    def __call__(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the part of a frame (H, W, 3) RGB that the network sees: (crop, crop, 3), in new memory."""
        rows, columns = self.geometry.axes(*frame.shape[:2])
        down = _bands(rows, self.geometry.interpolation)
        top, bottom = down[0].low, down[-1].high
        frame = frame[top:bottom]  # the second pass reads no other rows
        if columns.length == columns.resized:
            passed = frame[:, columns.start : columns.start + columns.wanted]
        else:
            across = _bands(columns, self.geometry.interpolation)
            self._passed = _at_least(self._passed, len(frame) * columns.wanted * 3)
            passed = self._passed[: len(frame) * columns.wanted * 3].reshape(len(frame), columns.wanted, 3)
            self._resize_first(frame.transpose(1, 2, 0), across, 0, passed.transpose(1, 2, 0))
        if rows.length == rows.resized:
            return passed.copy()
        resized = np.empty((rows.wanted, columns.wanted, 3), np.uint8)
        self._resize_first(passed, down, top, resized)
        return resized

    def _resize_first(
        self, source: NDArray[np.uint8], bands: tuple[Band, ...], offset: int, target: NDArray[np.uint8]
    ) -> None:
        """Resize the first axis of `source`, whose first pixel is number `offset`; write the result into `target`."""
        low, high = bands[0].low, bands[-1].high
        source = source[low - offset : high - offset]
        at_once = max(1, STRIP_BYTES // (8 * source[..., 0].size))
        for start in range(0, source.shape[2], at_once):
            strip, into = (array[:, :, start : start + at_once] for array in (source, target))
            self._pixels = _at_least(self._pixels, strip.size)
            self._sums = _at_least(self._sums, into.size)
            self._levels = _at_least(self._levels, into.size)
            np.copyto(self._pixels[: strip.size].reshape(strip.shape), strip)
            pixels = self._pixels[: strip.size].reshape(len(strip), -1)
            sums = self._sums[: into.size].reshape(len(into), -1)
            levels = self._levels[: into.size].reshape(into.shape)
            for band in bands:
                np.matmul(band.weights, pixels[band.low - low : band.high - low], out=sums[band.first : band.last])
            sums += 0.5  # the conversion to integers, which drops the fraction, then rounds to the nearest grey level
            np.copyto(levels, sums.reshape(into.shape), casting="unsafe")
            np.clip(levels, 0, 255, out=levels)
            np.copyto(into, levels, casting="unsafe")


def _bands(axis: Axis, interpolation: Interpolation) -> tuple[Band, ...]:
    return weight_bands(axis, interpolation, 8 if axis.length >= SHRINKS * axis.resized else 16)


def _at_least(memory: NDArray[Number], size: int) -> NDArray[Number]:
    """Return memory of at least `size` elements: the given one, or new memory if it is too small."""
    return memory if memory.size >= size else np.empty(size, memory.dtype)
