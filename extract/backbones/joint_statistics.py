"""Posture and movement within each segment: mean, standard deviation and displacement of every joint.

There is no network and nothing is trained. Unlike `joints`, these features do not contain where the person is.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from extract.backbones.entry import BackboneEntry
from extract.networks.backbone import Backbone
from manifests.recipes.extraction import Extract

ORIGIN = "middle of the main actor's joints in each frame"


@dataclass(frozen=True, kw_only=True)
class JointStatistics(BackboneEntry):
    """Each joint's mean, standard deviation and displacement from the first to the last frame of a segment.

    In metres, relative to the middle of the main actor's joints in the same frame; D = 9 · joints.
    """

    def load(self, config: Extract, weights_folder: Path | None, seed: int) -> Backbone:
        """Return the backbone; it needs no key of `config`."""
        settings: dict[str, object] = {
            "backbone": config.backbone,
            "weights": "none",
            "actors": "main",
            "origin": ORIGIN,
        }
        return Backbone(nn.Identity(), draw_statistics, settings, input="skeleton")


def draw_statistics(points: Tensor, segments: Tensor) -> Tensor:
    """Return the features (N, 1, D) of points (P, 3) in metres and segments (N, 2, 4), as `JointStatistics` says."""
    rows = []
    for first, frames, joints, actors in segments[:, 0].tolist():  # each segment without its beginning
        body = points[first : first + frames * joints * actors].view(frames, actors, joints, 3)[:, 0]
        body = body - body.mean(dim=1, keepdim=True)
        deviation, mean = torch.std_mean(body, dim=0, correction=0)
        rows.append(torch.stack([mean, deviation, body[-1] - body[0]]).flatten())
    return torch.stack(rows)[:, None]


JOINT_STATISTICS = JointStatistics(
    title="statistics of the joints, no network", input="skeleton", default_weights="none"
)
