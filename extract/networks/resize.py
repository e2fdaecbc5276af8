"""Pillow's antialiased resize in torch: the same bytes as `Image.resize`, on any device.

It is written here because torch's own resize gives other grey levels, and Pillow does not run on a GPU. Each pass is a
matrix product in float64, see `extract.networks.pillow_weights`. For a CPU, decode workers have a faster form, which
does not need torch: `extract.decoding.resize_frame`.
"""

import functools
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from extract.networks.pillow_weights import Axis, Interpolation, weight_bands

BAND = 16  # output pixels of one matrix product; a larger matrix has more zeros


@dataclass(frozen=True)
class _DeviceBand:
    """A `Band` whose weights are on a device."""

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
    across = _on_device(columns, interpolation, 3, frames.device)
    down = _on_device(rows, interpolation, 1, frames.device)
    top, bottom = down[0].low, down[-1].high
    frames = frames[:, top:bottom]  # the second pass reads no other rows
    if columns.length == columns.resized:
        passed = frames[:, :, columns.start : columns.start + columns.wanted]
    else:
        passed = _resize_columns(frames, across, columns.wanted)
    if rows.length == rows.resized:
        return passed
    return _resize_rows(passed, down, rows.wanted, top)


def _resize_columns(frames: Tensor, bands: list[_DeviceBand], wanted: int) -> Tensor:
    """(F, H, W, 3) → (F, H, wanted, 3)."""
    out = frames.new_empty((*frames.shape[:2], wanted, 3))
    for band in bands:
        pixels = frames[:, :, band.low : band.high].double().flatten(2)  # (F, H, inputs·3)
        grey = _whole(pixels @ _on_this_stream(band.weights).T)
        out[:, :, band.first : band.last] = grey.view(*grey.shape[:2], -1, 3)
    return out


def _resize_rows(frames: Tensor, bands: list[_DeviceBand], wanted: int, top: int) -> Tensor:
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
def _on_device(axis: Axis, interpolation: Interpolation, channels: int, device: torch.device) -> list[_DeviceBand]:
    return [
        _DeviceBand(
            band.first,
            band.last,
            band.low,
            band.high,
            torch.from_numpy(np.kron(band.weights, np.eye(channels))).to(device),
        )
        for band in weight_bands(axis, interpolation, BAND)
    ]
