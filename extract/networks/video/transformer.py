"""Transformers on patches of two frames each: VideoMAE and V-JEPA 2 differ in their positions and in their end.

Tong et al., VideoMAE, NeurIPS 2022 (MCG-NJU/VideoMAE, modeling_finetune.py); Assran et al., V-JEPA 2, arXiv 2506.09985
(facebookresearch/vjepa2, src/models, and app/vjepa_2_1/models for V-JEPA 2.1).
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from extract.networks.video.segments import as_videos

PATCH, TUBELET = 16, 2  # the side of a patch, and its frames
EPSILON = 1e-6  # of the layer norms in the training
TRAINED_GRID = 16  # V-JEPA 2.1 scales the positions of other grids to this one: 256 pixels
BASE = 10000.0

Positions = Literal["added", "rotated in halves", "rotated in pairs"]


@dataclass(frozen=True)
class TransformerShape:
    """The size of a transformer.

    Attributes:
        width: D, the channels of a token.
        depth: the blocks.
        heads: of each block.
        hidden: the channels inside its perceptron.
    """

    width: int
    depth: int
    heads: int
    hidden: int


class VideoTransformer(nn.Module):
    """A transformer without its classifier.

    Args:
        shape: its size.
        num_frames: F, an even number.
        side: of the images, a multiple of 16.
        positions: "added": sines are added to the tokens, the keys have no bias, and the mean of the tokens is
            normalised, as in VideoMAE. "rotated in halves": queries and keys are turned by the position in time,
            height and width, and the mean of the normalised tokens is taken, as in V-JEPA 2, with its order of
            frequencies, in which the two halves of an axis have the same ones. "rotated in pairs": as V-JEPA 2.1,
            with the usual order, positions for a grid of 16 x 16, and a vector that stands for videos.
    """

    def __init__(self, shape: TransformerShape, num_frames: int, side: int, positions: Positions) -> None:
        super().__init__()
        added = positions == "added"
        self.num_frames, self.norm_first = num_frames, not added
        frames, grid = num_frames // TUBELET, side // PATCH
        self.patch = nn.Conv3d(3, shape.width, (TUBELET, PATCH, PATCH), (TUBELET, PATCH, PATCH))
        paired = positions == "rotated in pairs"
        self.mode = nn.Parameter(torch.zeros(1, 1, shape.width)) if paired else None
        self.blocks = nn.ModuleList(_Block(shape, key_bias=not added) for _ in range(shape.depth))
        self.norm = nn.LayerNorm(shape.width, EPSILON)
        table = _sines(frames * grid**2, shape.width) if added else torch.zeros(1)
        angles = torch.zeros(1) if added else _angles(frames, grid, shape.width // shape.heads, positions)
        self.register_buffer("added", table.float(), persistent=False)
        self.register_buffer("cosine", angles.cos().float(), persistent=False)
        self.register_buffer("sine", angles.sin().float(), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """(B·F, 3, side, side) → (B, D)."""
        x = self.patch(as_videos(images, self.num_frames)).flatten(2).transpose(1, 2) + self.added
        if self.mode is not None:
            x = x + self.mode
        for block in self.blocks:
            x = block(x, self.cosine, self.sine)
        out: Tensor = self.norm(x).mean(1) if self.norm_first else self.norm(x.mean(1))
        return out


class _Block(nn.Module):
    def __init__(self, shape: TransformerShape, key_bias: bool) -> None:
        super().__init__()
        width, self.heads, self.rotates = shape.width, shape.heads, key_bias
        self.norm1 = nn.LayerNorm(width, EPSILON)
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width, bias=key_bias)
        self.value = nn.Linear(width, width)
        self.proj = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width, EPSILON)
        self.fc1 = nn.Linear(width, shape.hidden)
        self.fc2 = nn.Linear(shape.hidden, width)

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        """(B, tokens, D) → the same; cosine and sine are (tokens, D / heads)."""
        y = self.norm1(x)
        query, key, value = (
            layer(y).view(*y.shape[:2], self.heads, -1).transpose(1, 2) for layer in (self.query, self.key, self.value)
        )
        if self.rotates:
            query, key = (each * cosine + _quarter_turn(each) * sine for each in (query, key))
        mixed = functional.scaled_dot_product_attention(query, key, value)
        x = x + self.proj(mixed.transpose(1, 2).flatten(2))
        out: Tensor = x + self.fc2(functional.gelu(self.fc1(self.norm2(x))))
        return out


def _quarter_turn(x: Tensor) -> Tensor:
    """(…, a, b, c, d, …) → (…, -b, a, -d, c, …)."""
    pairs = x.view(*x.shape[:-1], -1, 2)
    return torch.stack((-pairs[..., 1], pairs[..., 0]), -1).flatten(-2)


def _sines(tokens: int, width: int) -> Tensor:
    """Return the sines and cosines of the tokens' numbers, (tokens, width), in float64."""
    channel = torch.arange(width, dtype=torch.float64)
    angle = torch.arange(tokens, dtype=torch.float64)[:, None] / BASE ** (2 * (channel // 2) / width)
    return torch.where(channel % 2 == 0, angle.sin(), angle.cos())


def _angles(frames: int, grid: int, head: int, positions: Positions) -> Tensor:
    """Return the angle by which each channel of a head is turned, (tokens, head), in float64.

    A third of the channels belongs to each axis; what remains of an even division is not turned.
    """
    pairs = head // 3 // 2
    frequency = BASE ** -(torch.arange(pairs, dtype=torch.float64) / pairs)
    scale = (TRAINED_GRID - 1) / (grid - 1) if positions == "rotated in pairs" else 1.0
    axes = torch.arange(frames).double(), *(scale * torch.arange(grid).double() for _ in range(2))
    places = torch.cartesian_prod(*axes)  # (tokens, 3): time, row, column
    angles = places[:, :, None] * frequency  # (tokens, 3, pairs)
    turned = angles.repeat_interleave(2, dim=-1) if positions == "rotated in pairs" else angles.repeat(1, 1, 2)
    return functional.pad(turned.flatten(1), (0, head - 6 * pairs))
