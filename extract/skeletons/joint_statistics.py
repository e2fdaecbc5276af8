"""How a body stands and moves within each segment: mean, deviation and displacement of every joint.

No network and nothing trained. Unlike `joints`, it does not say where the person is.
"""

import torch
from torch import Tensor, nn

from extract.networks.backbone import Backbone


def joint_statistics_backbone() -> Backbone:
    """Return, of a segment's frames, each joint's mean, standard deviation and way from the first to the last frame.

    In metres, relative to the middle of the main actor's joints in the same frame; D = 9 · joints.
    """
    settings: dict[str, object] = {
        "backbone": "joint_statistics",
        "weights": "none",
        "actors": "main",
        "origin": "middle of the main actor's joints in each frame",
    }
    return Backbone(nn.Identity(), _draw, settings, input="skeleton")


def _draw(points: Tensor, segments: Tensor) -> Tensor:
    """(P, 3) points and (N, 2, 4) segments → (N, 1, D)."""
    rows = []
    for first, frames, joints, actors in segments[:, 0].tolist():  # the segments alone
        body = points[first : first + frames * joints * actors].view(frames, actors, joints, 3)[:, 0]
        body = body - body.mean(dim=1, keepdim=True)
        deviation, mean = torch.std_mean(body, dim=0, correction=0)
        rows.append(torch.stack([mean, deviation, body[-1] - body[0]]).flatten())
    return torch.stack(rows)[:, None]
