"""The plain feature of a skeleton: its joints' coordinates at a few moments of each segment, and how they move between.

No network and nothing trained: what a trained one has to beat.
"""

import torch
from torch import Tensor, nn

from extract.networks.backbone import Backbone, Draw


def joints_backbone(frames_per_segment: int) -> Backbone:
    """Return the main actor's coordinates at F moments of a segment and their F - 1 differences, in metres.

    Moments are the middles of F equal parts, as for the frames of a video; D = (2 F - 1) · 3 · joints.
    """
    settings: dict[str, object] = {
        "backbone": "joints",
        "frames_per_segment": frames_per_segment,
        "weights": "none",
        "actors": "main",
        "origin": "middle of the main actor's spine in his first frame",
    }
    return Backbone(nn.Identity(), _resample(frames_per_segment), settings, input="skeleton")


def _resample(frames_per_segment: int) -> Draw:
    part = 2 * torch.arange(frames_per_segment) + 1

    def draw(points: Tensor, segments: Tensor) -> Tensor:
        """(P, 3) points and (N, 2, 4) segments → (N, 1, D)."""
        rows = []
        for first, frames, joints, actors in segments[:, 0].tolist():  # the segments alone
            stretch = points[first : first + frames * joints * actors].view(frames, actors, joints, 3)[:, 0]
            moments = stretch[(frames * part) // (2 * frames_per_segment)].flatten(1)  # (F, 3 J)
            rows.append(torch.cat([moments.flatten(), moments.diff(dim=0).flatten()]))
        return torch.stack(rows)[:, None]

    return draw
