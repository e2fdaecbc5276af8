"""Standardisation of the features to mean 0 and standard deviation 1 during the training.

The moments are those of the training clips. After the training they are folded into the weights, so that the trained
network takes features as they are in the cache.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from distill.losses import running_segments

SMALLEST = 1e-3  # of the mean deviation; a dimension that varies less is nearly constant and is not scaled up to 1


def moments(features: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation, each (D,), over clips and segments of features (clips, N, D).

    Args:
        features: of all clips.
        lengths: (clips,), how many segments each clip has, if they differ; the others do not count.
    """
    flat = features.flatten(0, 1) if lengths is None else features[running_segments(lengths, features.shape[1])]
    deviation, mean = torch.std_mean(flat.double(), 0, correction=0)
    floor = SMALLEST * deviation.mean()
    return mean.to(features.dtype), deviation.clamp(min=floor if floor > 0 else 1.0).to(features.dtype)


def fold(weights: Mapping[str, Tensor], mean: Tensor, deviation: Tensor) -> dict[str, Tensor]:
    """Return the weights of a network whose outputs for x are those of `weights` for (x - mean) / deviation.

    Only the first layer changes: W' = W / deviation, b' = b - W' mean.

    Args:
        weights: of one network, by name.
        mean: (D,).
        deviation: (D,).
    """
    folded = dict(weights)
    first = [name for name in weights if ".weight_ih_" in name] or [
        "classifier.weight"
    ]  # no recurrent layer: the classifier
    for name in first:
        weight = weights[name] / deviation
        bias = name.replace("weight", "bias", 1)
        folded[name], folded[bias] = weight, weights[bias] - weight @ mean
    return folded
