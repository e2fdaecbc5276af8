"""The joints' coordinates at a few moments of each segment, and the differences from one moment to the next.

There is no network and nothing is trained: this is the baseline that a trained backbone has to exceed.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from extract.backbones.entry import BackboneEntry
from extract.networks.backbone import Backbone, Draw
from manifests.recipes.extraction import Extract


@dataclass(frozen=True, kw_only=True)
class Joints(BackboneEntry):
    """The main actor's coordinates at F moments of a segment and their F - 1 differences, in metres.

    Moments are the middles of F equal parts, as for the frames of a video; D = (2 F - 1) · 3 · joints.
    """

    def load(self, config: Extract, weights_folder: Path | None, seed: int) -> Backbone:
        """Return the backbone for F = `config.frames`."""
        settings: dict[str, object] = {
            "backbone": config.backbone,
            "frames_per_segment": config.frames,
            "weights": "none",
            "actors": "main",
            "origin": "middle of the main actor's spine in his first frame",
        }
        return Backbone(nn.Identity(), _resample(config.frames), settings, input="skeleton")


def _resample(frames_per_segment: int) -> Draw:
    part = 2 * torch.arange(frames_per_segment) + 1

    def draw(points: Tensor, segments: Tensor) -> Tensor:
        """(P, 3) points and (N, 2, 4) segments → (N, 1, D)."""
        rows = []
        for first, frames, joints, actors in segments[:, 0].tolist():  # each segment without its beginning
            stretch = points[first : first + frames * joints * actors].view(frames, actors, joints, 3)[:, 0]
            moments = stretch[(frames * part) // (2 * frames_per_segment)].flatten(1)  # (F, 3 J)
            rows.append(torch.cat([moments.flatten(), moments.diff(dim=0).flatten()]))
        return torch.stack(rows)[:, None]

    return draw


JOINTS = Joints(title="coordinates of the joints, no network", input="skeleton", default_weights="none")
