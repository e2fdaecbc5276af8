"""Pillow's antialiased resize in torch: the same bytes as `Image.resize`, on any device.

It is written here because torch's own resize gives other grey levels, and Pillow does not run on a GPU. Pillow resizes
the width first and the height second. Each pass adds pixels times weights, as integers in units of 2^-22, and rounds to
whole grey levels. Here a pass is a matrix product in float64, which holds every such sum exactly. So the result does
not depend on the order of the sum or on the device.

Pillow 13 resizes the height first if it shrinks by more than the width, as in frames more than twice as high as wide.
The released networks were made with earlier versions, so here the width always comes first.
"""

import functools
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Interpolation = Literal["bilinear", "bicubic"]

PRECISION = 1 << 22  # Pillow's weights are multiples of 1 / PRECISION
REACH = {"bilinear": 1.0, "bicubic": 2.0}  # how far a filter reaches, in pixels of the smaller of the two images
BAND = 16  # output pixels of one matrix product; a larger matrix has more zeros


@dataclass(frozen=True)
class Axis:
    """The resize of one side of an image, and the part of the result that is wanted.

    Attributes:
        length: the number of pixels before the resize.
        resized: the number of pixels after it.
        start: the first pixel of the result that is wanted.
        wanted: how many pixels of the result are wanted, at least 1.
    """

    length: int
    resized: int
    start: int
    wanted: int


@dataclass(frozen=True)
class _Band:
    """The output pixels `first` … `last` - 1, which are made of the input pixels `low` … `high` - 1."""

    first: int
    last: int
    low: int
    high: int
    weights: Tensor  # float64, (outputs, inputs) times the interleaved channels


def resize(frames: Tensor, rows: Axis, columns: Axis, interpolation: Interpolation) -> Tensor:
    """Resize frames as Pillow does, and return only the part that is wanted.

    Args:
        frames: (F, H, W, 3) uint8.
        rows: the resize of the H pixels from top to bottom.
        columns: the resize of the W pixels from left to right.
        interpolation: Pillow's filter.

    Returns:
        (F, rows.wanted, columns.wanted, 3) uint8.
    """
    across = _bands(columns, interpolation, 3, frames.device)
    down = _bands(rows, interpolation, 1, frames.device)
    top, bottom = down[0].low, down[-1].high
    frames = frames[:, top:bottom]  # the second pass reads no other rows
    if columns.length == columns.resized:
        passed = frames[:, :, columns.start : columns.start + columns.wanted]
    else:
        passed = _resize_columns(frames, across, columns.wanted)
    if rows.length == rows.resized:
        return passed
    return _resize_rows(passed, down, rows.wanted, top)


def _resize_columns(frames: Tensor, bands: list[_Band], wanted: int) -> Tensor:
    """(F, H, W, 3) → (F, H, wanted, 3)."""
    out = frames.new_empty((*frames.shape[:2], wanted, 3))
    for band in bands:
        pixels = frames[:, :, band.low : band.high].double().flatten(2)  # (F, H, inputs·3)
        grey = _whole(pixels @ _on_this_stream(band.weights).T)
        out[:, :, band.first : band.last] = grey.view(*grey.shape[:2], -1, 3)
    return out


def _resize_rows(frames: Tensor, bands: list[_Band], wanted: int, top: int) -> Tensor:
    """(F, H, W, 3), which begins at row `top` → (F, wanted, W, 3)."""
    out = frames.new_empty((len(frames), wanted, *frames.shape[2:]))
    for band in bands:
        pixels = frames[:, band.low - top : band.high - top].double().flatten(2)  # (F, inputs, W·3)
        grey = _whole(_on_this_stream(band.weights) @ pixels)
        out[:, band.first : band.last] = grey.view(len(frames), -1, *frames.shape[2:])
    return out


def _whole(sums: Tensor) -> Tensor:
    """Add a half, so that the conversion to uint8, which drops the fraction, rounds to the nearest grey level."""
    return sums.add_(0.5).clamp_(0, 255)


def _on_this_stream(weights: Tensor) -> Tensor:
    """Keep a GPU from reusing the memory of weights that leave the cache while this stream still reads them."""
    if weights.is_cuda:
        weights.record_stream(torch.cuda.current_stream(weights.device))
    return weights


@functools.lru_cache(maxsize=64)  # the videos of a data set have few sizes, and each takes less than 1 MB
def _bands(axis: Axis, interpolation: Interpolation, channels: int, device: torch.device) -> list[_Band]:
    first, weights = _pillow_weights(axis, interpolation)
    bands = []
    for start in range(0, axis.wanted, BAND):
        here = slice(start, min(start + BAND, axis.wanted))
        used = weights[here] != 0
        inputs = first[here, None] + np.arange(weights.shape[1])  # (outputs, K)
        low, high = int(inputs[used].min()), int(inputs[used].max()) + 1
        matrix = np.zeros((here.stop - here.start, high - low))
        outputs = np.broadcast_to(np.arange(len(matrix))[:, None], inputs.shape)
        matrix[outputs[used], inputs[used] - low] = weights[here][used] / PRECISION
        repeated = torch.from_numpy(np.kron(matrix, np.eye(channels))).to(device)
        bands.append(_Band(here.start, here.stop, low, high, repeated))
    return bands


def _pillow_weights(axis: Axis, interpolation: Interpolation) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first input pixel of each wanted output pixel (M,), and its weights (M, K) in units of 2^-22.

    Source: Pillow, src/libImaging/Resample.c. The operations and their order are Pillow's, and so are all bits.
    """
    scale = axis.length / axis.resized
    shrink = max(scale, 1.0)  # a smaller image averages over more pixels
    reach = REACH[interpolation] * shrink
    centre = (np.arange(axis.start, axis.start + axis.wanted) + 0.5) * scale
    first = np.maximum((centre - reach + 0.5).astype(np.int64), 0)
    last = np.minimum((centre + reach + 0.5).astype(np.int64), axis.length)
    place = np.arange((last - first).max())  # (K,)
    distance = (place + first[:, None] - centre[:, None] + 0.5) * (1.0 / shrink)
    weights = np.where(place < (last - first)[:, None], _FILTERS[interpolation](np.abs(distance)), 0.0)
    weights /= np.add.accumulate(weights, axis=1)[:, -1:]  # added one after another, as Pillow does
    return first, np.trunc(weights * PRECISION + np.copysign(0.5, weights)).astype(np.int64)


def _bilinear(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(x < 1, 1 - x, 0.0)


def _bicubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Keys' cubic convolution with a = -1/2; torch's bicubic filter without antialiasing has -3/4."""
    a = -0.5
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


_FILTERS = {"bilinear": _bilinear, "bicubic": _bicubic}
