"""Features brought to mean 0 and deviation 1 for the training, and the same network for features as they are.

The moments are of the training clips; folded into the weights afterwards, they leave nothing to carry along.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

SMALLEST = 1e-3  # of the mean deviation: what varies less is as good as constant, and is not blown up


def moments(features: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and deviation (D,) over clips and segments of features (clips, N, D)."""
    flat = features.flatten(0, 1)
    deviation, mean = torch.std_mean(flat.double(), 0, correction=0)
    floor = SMALLEST * deviation.mean()
    return mean.to(features.dtype), deviation.clamp(min=floor if floor > 0 else 1.0).to(features.dtype)


def fold(weights: Mapping[str, Tensor], mean: Tensor, deviation: Tensor) -> dict[str, Tensor]:
    """Return the weights of one network that does on x what `weights` do on (x - mean) / deviation.

    Only the first layer changes: W' = W / deviation, b' = b - W' mean.
    """
    folded = dict(weights)
    first = [name for name in weights if ".weight_ih_" in name] or ["classifier.weight"]  # none recurrent: the latter
    for name in first:
        weight = weights[name] / deviation
        bias = name.replace("weight", "bias", 1)
        folded[name], folded[bias] = weight, weights[bias] - weight @ mean
    return folded
