"""Weights and images by formula, so that another implementation gives numbers to compare with (golden numbers)."""

import math
import zlib
from collections.abc import Callable, Mapping

import pytest
import torch
from torch import Tensor

Shapes = Mapping[str, tuple[int, ...]]


def by_formula(name: str, shape: tuple[int, ...]) -> Tensor:
    """Values like those of a trained tensor of this name: sin(0.7 i + phase), scaled, in float64 and then float32."""
    wave = torch.sin(torch.arange(math.prod(shape), dtype=torch.float64) * 0.7 + zlib.crc32(name.encode()) % 1000)
    if name.endswith("running_var"):
        values = 1 + 0.5 * wave
    elif len(shape) <= 1:
        values = 0.2 * wave if "bias" in name or "mean" in name else 1 + 0.3 * wave
    else:
        values = wave * math.sqrt(2 / math.prod(shape[1:]))
    return values.reshape(shape).float()


@pytest.fixture(scope="session")
def filled() -> Callable[[Shapes], dict[str, Tensor]]:
    """A function that gives a tensor by formula to each name."""
    return lambda shapes: {name: by_formula(name, shape) for name, shape in shapes.items()}


@pytest.fixture(scope="session")
def images() -> Callable[..., Tensor]:
    """A function that gives images (count, 3, side, side) by formula."""

    def drawn(count: int, side: int) -> Tensor:
        places = torch.arange(count * 3 * side * side, dtype=torch.float64)
        return torch.sin(places * 0.37 + (places // side) * 0.11).reshape(count, 3, side, side).float()

    return drawn
