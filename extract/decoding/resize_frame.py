"""The resize of a decoded frame in a decode worker: the same bytes as Pillow's and as `extract.networks.resize`.

With a network on a CPU the workers resize, so a large frame is never copied to another process. Only numpy is used,
because workers that load torch start seconds later. Each pass is a product of float64 matrices with the weights of
`extract.networks.pillow_weights`. Before a product the resized axis comes first in memory, so the three channels need
no weights of their own. That conversion takes about as long as the products, and it is the reason why a frame is not
faster in float32 or int32: their products need more steps (measured).
"""

import numpy as np
from numpy.typing import NDArray

from extract.networks.geometry import Geometry
from extract.networks.pillow_weights import Axis, Band, Interpolation, weight_bands

STRIP_BYTES = 3 << 19  # of float64 pixels at once: they stay in the cache of a core
SHRINKS = 2  # from this scale on, smaller bands take less time


def resize_frame(frame: NDArray[np.uint8], geometry: Geometry) -> NDArray[np.uint8]:
    """Return the part of a frame that a network sees, at the network's size.

    Args:
        frame: (H, W, 3) uint8 RGB.
        geometry: the resize and the crop.

    Returns:
        (crop, crop, 3) uint8.
    """
    rows, columns = geometry.axes(*frame.shape[:2])
    down = _bands(rows, geometry.interpolation)
    top, bottom = down[0].low, down[-1].high
    frame = frame[top:bottom]  # the second pass reads no other rows
    if columns.length == columns.resized:
        passed = frame[:, columns.start : columns.start + columns.wanted]
    else:
        passed = np.empty((len(frame), columns.wanted, 3), np.uint8)
        across = _bands(columns, geometry.interpolation)
        _resize_first(frame.transpose(1, 2, 0), across, 0, passed.transpose(1, 2, 0))
    if rows.length == rows.resized:
        return passed
    resized = np.empty((rows.wanted, columns.wanted, 3), np.uint8)
    _resize_first(passed, down, top, resized)
    return resized


def _bands(axis: Axis, interpolation: Interpolation) -> tuple[Band, ...]:
    return weight_bands(axis, interpolation, 8 if axis.length >= SHRINKS * axis.resized else 16)


def _resize_first(source: NDArray[np.uint8], bands: tuple[Band, ...], offset: int, target: NDArray[np.uint8]) -> None:
    """Resize the first axis of `source`, whose first pixel is number `offset`; write the result into `target`."""
    low, high = bands[0].low, bands[-1].high
    source = source[low - offset : high - offset]
    at_once = max(1, STRIP_BYTES // (8 * source[..., 0].size))
    for start in range(0, source.shape[2], at_once):
        strip = source[:, :, start : start + at_once]
        pixels = strip.astype(np.float64, order="C").reshape(len(strip), -1)
        sums = np.empty((len(target), pixels.shape[1]))
        for band in bands:
            np.matmul(band.weights, pixels[band.low - low : band.high - low], out=sums[band.first : band.last])
        sums += 0.5  # the conversion to integers, which drops the fraction, then rounds to the nearest grey level
        grey = np.clip(sums.astype(np.int16), 0, 255)
        target[:, :, start : start + at_once] = grey.reshape(len(target), *strip.shape[1:])
