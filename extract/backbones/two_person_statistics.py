"""Posture and movement of two persons within each segment, as the main actor sees them.

There is no network and nothing is trained. Unlike `joint_statistics`, these features have a second person, and they do
not depend on where the camera stands, as long as it is not tilted.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from extract.backbones.entry import BackboneEntry
from extract.networks.backbone import Backbone
from extract.skeletons.actors import ACTORS
from manifests.recipes.extraction import Extract

# The left and right joint have the same numbers in the orders of NTU RGB+D, SYSU 3DHOI and UTD-MHAD.
SHOULDERS, HIPS = (4, 8), (12, 16)
SHORTEST = 1e-6  # metres; shoulders that are no wider have no direction


@dataclass(frozen=True, kw_only=True)
class TwoPersonStatistics(BackboneEntry):
    """Mean, standard deviation and displacement of each joint of the main and the second actor in a segment.

    In metres, relative to the middle of the main actor's hips in the same frame; this is so for the second actor too.
    All is turned about the vertical (y), so that the main actor's shoulders, averaged over all frames observed so far,
    point along x. D = 18 · joints: 9 · joints of the main and then 9 · joints of the second actor. They are zeros if
    the actor is not seen in the segment. The second actor counts in frames in which the main actor is seen as well.
    """

    def load(self, config: Extract, weights_folder: Path | None, seed: int) -> Backbone:
        """Return the backbone; it needs no key of `config`."""
        settings: dict[str, object] = {
            "backbone": config.backbone,
            "weights": "none",
            "actors": "main and second",
            "origin": "middle of the main actor's hips in each frame",
            "turned": "about the vertical, by the main actor's shoulders in all frames so far",
        }
        return Backbone(nn.Identity(), _draw, settings, input="skeleton", trained_joints={})


def _draw(points: Tensor, segments: Tensor) -> Tensor:
    """(P, 3) points and (N, 2, 4) segments → (N, 1, D)."""
    rows = []
    for alone, (first, frames, joints, actors) in segments.tolist():
        so_far = points[first : first + frames * joints * actors].view(frames, actors, joints, 3)
        rows.append(_features(so_far, alone[1]))  # the frames of the segment are the last ones so far
    return torch.stack(rows)[:, None]


def _features(so_far: Tensor, frames: int) -> Tensor:
    """Return the feature (D,) of the last `frames` of all frames so far, (T, actors, joints, 3)."""
    joints, seen = so_far.shape[2], (so_far != 0).flatten(2).any(2)  # (T, actors)
    main = so_far[:, 0]
    if joints > max(HIPS):
        middle, (cosine, sine) = main[:, HIPS].mean(1), _direction(main[seen[:, 0]])
    else:  # no file has so few; `watch` asks for D with them
        middle, (cosine, sine) = main.mean(1), (1.0, 0.0)
    x, y, z = (so_far - middle[:, None, None])[-frames:].unbind(-1)
    turned = torch.stack([cosine * x + sine * z, y, cosine * z - sine * x], dim=-1)
    features = so_far.new_zeros(ACTORS, 9 * joints)
    for actor in range(so_far.shape[1]):
        here = (seen[:, 0] & seen[:, actor])[-frames:]
        if here.any():
            features[actor] = _statistics(turned[here, actor])
    return features.flatten()


def _direction(main: Tensor) -> tuple[float, float]:
    """Return cosine and sine of the horizontal direction of the mean shoulders of (T, joints, 3); 1, 0: none."""
    if not len(main):
        return 1.0, 0.0
    left, right = SHOULDERS
    x, _, z = (main[:, right] - main[:, left]).mean(0).tolist()
    length = math.hypot(x, z)
    return (x / length, z / length) if length > SHORTEST else (1.0, 0.0)


def _statistics(body: Tensor) -> Tensor:
    """(T, joints, 3) → (9 · joints,)."""
    deviation, mean = torch.std_mean(body, dim=0, correction=0)
    return torch.stack([mean, deviation, body[-1] - body[0]]).flatten()


TWO_PERSON_STATISTICS = TwoPersonStatistics(
    title="statistics of the joints of two persons, seen from the main actor, no network",
    input="skeleton",
    default_weights="none",
)
