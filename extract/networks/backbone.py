"""What every backbone is, for videos and for skeletons; `network_loader.load_segment_network` finds one by name."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from extract.networks.preprocess import Preprocess

CPU_FRAMES = 16  # images at once on a CPU: larger activations leave its caches (1.1 x slower) and fill memory

Input = Literal["video", "skeleton"]
Draw = Callable[[Tensor, Tensor], Tensor]  # a clip's content and segments (N, …) → images (N, F, …), same device


@dataclass(frozen=True)
class Backbone:
    """A network in evaluation mode with what is fed to it.

    Attributes:
        network: (B, …) float images → (B, D), pooled; clip-major where it looks along F. Move it with `.to(device)`.
        draw: from a clip's content to the network's input.
        settings: everything that decides a value, fit for JSON.
        input: what kind of files it wants. Coordinates of skeletons stay float32: the network casts for itself.
        pooling: what becomes of the F features of a segment.
        legacy_sequence_actors: of skeletons; see `extract.skeletons.segment_points`.
        joints: of an actor, where the network knows skeletons of one kind only.
        per_frame: the network sees one frame at a time, so that a frame that is repeated is computed once.
    """

    network: nn.Module
    draw: Draw
    settings: dict[str, object]
    input: Input = "video"
    pooling: Literal["mean", "concatenated"] = "mean"
    legacy_sequence_actors: bool = False
    joints: int | None = None
    per_frame: bool = False

    def pool(self, every: Tensor) -> Tensor:
        """Return the features (N, D') of the features (N, F, D) of a segment's images."""
        return every.mean(1) if self.pooling == "mean" else every.flatten(1)


def draw_frames(preprocess: Preprocess) -> Draw:
    """Return the drawing of videos: uint8 frames (U, H, W, 3) and (N, F) which of them → (N, F, 3, crop, crop)."""

    def draw(frames: Tensor, segments: Tensor) -> Tensor:
        pieces = torch.split(frames, CPU_FRAMES)  # frames at full size as float are the largest thing in memory
        return torch.cat([preprocess(piece) for piece in pieces])[segments]

    return draw
