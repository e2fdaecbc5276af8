"""The weights of Pillow's antialiased resize: which input pixels each output pixel is made of, and how much of each.

Pillow resizes the width first and the height second. Each pass adds pixels times weights, as integers in units of
2^-22, and rounds to whole grey levels. In float64 such a sum is exact in any order. So a pass may be computed as a
product of matrices, and the result depends neither on the library of the product nor on the device.

Pillow 13 resizes the height first if it shrinks by more than the width, as in frames more than twice as high as wide.
The released networks were made with earlier versions, so here the width always comes first.
"""

import functools
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Interpolation = Literal["bilinear", "bicubic"]

PRECISION = 1 << 22  # Pillow's weights are multiples of 1 / PRECISION
REACH = {"bilinear": 1.0, "bicubic": 2.0}  # how far a filter reaches, in pixels of the smaller of the two images


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
class Band:
    """The output pixels `first` … `last` - 1, counted from the first wanted one, and their weights.

    Attributes:
        first: the first output pixel.
        last: the output pixel after the last one.
        low: the first input pixel.
        high: the input pixel after the last one.
        weights: (outputs, inputs) float64.
    """

    first: int
    last: int
    low: int
    high: int
    weights: NDArray[np.float64]


@functools.lru_cache(maxsize=64)  # the videos of a data set have few sizes, and each takes less than 1 MB
def weight_bands(axis: Axis, interpolation: Interpolation, outputs: int) -> tuple[Band, ...]:
    """Return the wanted output pixels of an axis in bands of `outputs` pixels. A larger band has more weights of 0."""
    first, weights = _pillow_weights(axis, interpolation)
    bands = []
    for start in range(0, axis.wanted, outputs):
        here = slice(start, min(start + outputs, axis.wanted))
        used = weights[here] != 0
        inputs = first[here, None] + np.arange(weights.shape[1])  # (outputs, K)
        low, high = int(inputs[used].min()), int(inputs[used].max()) + 1
        matrix = np.zeros((here.stop - here.start, high - low))
        rows = np.broadcast_to(np.arange(len(matrix))[:, None], inputs.shape)
        matrix[rows[used], inputs[used] - low] = weights[here][used] / PRECISION
        bands.append(Band(here.start, here.stop, low, high, matrix))
    return tuple(bands)


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
