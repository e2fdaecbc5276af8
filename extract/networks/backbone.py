"""A loaded backbone, for videos or for skeletons. `extract.backbones` has those that can be chosen by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from extract.networks.preprocess import Preprocess
from extract.poses.settings import PoseSettings

CPU_FRAMES = 16  # images at once on a CPU; larger activations exceed its caches (1.1 x slower) and take more memory

Input = Literal["video", "skeleton"]
Draw = Callable[[Tensor, Tensor], Tensor]  # a clip's content and segments (N, …) → images (N, F, …), on its device


@dataclass(frozen=True)
class Backbone:
    """A network in evaluation mode, with the function that makes its input.

    Attributes:
        network: (B, …) float images → (B, D), pooled. If it mixes the F images of a segment, they are consecutive.
        draw: makes the network's input from a clip's content.
        settings: everything that decides a value, fit for JSON.
        input: what a decoded clip has, frames or joints. Coordinates stay float32; the network itself casts them.
        pooling: how the F features of a segment become one: their mean, or all of them one after the other.
        legacy_sequence_actors: for skeletons; see `extract.skeletons.segment_points`.
        joints: the number of joints of an actor, if the network was trained for one number.
        trained_joints: the settings of the joint list that the network was trained with, {} if there was none; None:
            it takes any joints.
        per_frame: the network sees one frame at a time, so a frame that is repeated is computed once.
        one_way: the network mixes the images of a segment only by a `TemporalShift` from the previous image, so the
            images can be computed one by one; see `extract.networks.frame_stream`.
        whole_segments: the network is (B·F, …) → (B, D): it sees the F images of a segment together.
        along_clip: N of a network that carries its state from each segment of a clip to the next one; its B segments
            are those of whole clips, in their order. None: it sees each segment alone.
        preprocess: what `draw` does to the frames of videos; None: the network takes skeletons.
        poses: how decode workers make the joints of videos; None: the joints are in skeleton files.
    """

    network: nn.Module
    draw: Draw
    settings: dict[str, object]
    input: Input = "video"
    pooling: Literal["mean", "concatenated"] = "mean"
    legacy_sequence_actors: bool = False
    joints: int | None = None
    trained_joints: Mapping[str, object] | None = None
    per_frame: bool = False
    one_way: bool = False
    whole_segments: bool = False
    along_clip: int | None = None
    preprocess: Preprocess | None = None
    poses: PoseSettings | None = None

    @property
    def files(self) -> Input:
        """The kind of files."""
        return "video" if self.poses else self.input

    def pool(self, every: Tensor) -> Tensor:
        """Return the features (N, D') of segments from the features (N, F, D) of their images."""
        return every.mean(1) if self.pooling == "mean" else every.flatten(1)

    def pool_output(self, given: Tensor, num_frames: int) -> Tensor:
        """Return the features (N, D') of segments from what the network gives for their N·F images.

        Args:
            given: (N·F, D), or (N, D) of a network that sees whole segments.
            num_frames: F.
        """
        return given if self.whole_segments else self.pool(given.view(-1, num_frames, *given.shape[1:]))


def draw_frames(preprocess: Preprocess) -> Draw:
    """Return the function for videos: uint8 frames (U, H, W, 3) and their indices (N, F) → (N, F, 3, crop, crop)."""

    def draw(frames: Tensor, segments: Tensor) -> Tensor:
        pieces = torch.split(frames, CPU_FRAMES)  # full-size frames as float take the most memory of all
        return torch.cat([preprocess(piece) for piece in pieces])[segments]

    return draw
