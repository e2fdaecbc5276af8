"""Label spreading (Zhou et al., Learning with local and global consistency, 2003): few labels spread to similar clips.

Clips are the nodes of a graph. Edges connect a clip with its most similar clips; whole clips are compared segment by
segment. Clips that differ in their number of segments are stretched to the same number first. The labels spread along
the edges: F = (1 - r) Σ_k r^k S^k Y, where S is the symmetrically normalised graph and Y has the given labels. There is
no network.
"""

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from common.config import Config
from distill.standardisation import moments

BLOCK = 1024  # clips that are compared with all others at once
SMALLEST = 1e-4  # the sum ends when r^k S^k Y is below this


class Spreading(Config):
    """Label spreading over the training clips; the defaults are common in its papers."""

    neighbours: int = Field(default=8, ge=1)  # edges of a clip to its most similar clips
    reach: float = Field(default=0.9, ge=0, lt=1)  # r: share of a clip's labels that its neighbours get in each round


def spread_labels(
    features: Tensor,
    labels: Tensor,
    labelled: Tensor,
    num_classes: int,
    settings: Spreading,
    lengths: Tensor | None = None,
) -> Tensor:
    """Return the class probabilities (clips, C) that reach each clip.

    Args:
        features: (clips, N, D).
        labels: (clips,); read only where `labelled` is True.
        labelled: (clips,) bool; these clips keep their label.
        num_classes: C.
        settings: number of neighbours, and r.
        lengths: (clips,), how many segments each clip has, if they differ.
    """
    given = given_labels(labels, labelled, num_classes).to(features.dtype)
    reached = spread(similarity_graph(features, settings, lengths), given, settings.reach)
    return torch.where(labelled[:, None], given, reached)


def given_labels(labels: Tensor, labelled: Tensor, num_classes: int) -> Tensor:
    """Return the labels as rows (clips, C) with a 1; zeros for clips that are not `labelled`."""
    return F.one_hot(labels.where(labelled, 0), num_classes) * labelled[:, None]


def similarity_graph(features: Tensor, settings: Spreading, lengths: Tensor | None = None) -> Tensor:
    """Return the normalised graph of clips (clips, clips), sparse. Arguments as in `spread_labels`."""
    mean, deviation = moments(features, lengths)
    every = features if lengths is None else stretched(features, lengths)
    whole = F.normalize(((every - mean) / deviation).flatten(1), dim=1)  # (clips, N D)
    return _normalised(*_neighbours(whole, min(settings.neighbours, len(whole) - 1)), len(whole))


def spread(graph: Tensor, given: Tensor, reach: float) -> Tensor:
    """Return the class probabilities (clips, C) that reach each clip.

    Args:
        graph: as `similarity_graph` returns it.
        given: (clips, C), how much of each class each clip gives; not negative.
        reach: r, below 1.
    """
    reached = moved = given
    while reach and moved.amax() > SMALLEST:
        moved = reach * torch.sparse.mm(graph, moved)
        reached = reached + moved
    # A clip that nothing reaches gets the same probability for every class.
    total = reached.sum(1, keepdim=True)
    return torch.where(total > 0, reached / total.clamp(min=torch.finfo(total.dtype).tiny), 1 / given.shape[1])


def stretched(features: Tensor, lengths: Tensor) -> Tensor:
    """Return clips of M segments each as clips of N segments, so that they can be compared from beginning to end.

    Of N places at equal distances in a clip, the n-th gets the segment that is there, ⌊(n - 1/2) M / N⌋ counted from 0.
    As M ≤ N, every segment is taken at least once. Clips with N segments stay as they are.

    Args:
        features: (clips, N, D); those after segment M are not read.
        lengths: (clips,), M of each clip.
    """
    num_segments = features.shape[1]
    odd = 2 * torch.arange(num_segments, device=features.device) + 1
    places = odd * lengths[:, None] // (2 * num_segments)  # (clips, N)
    return features.gather(1, places[..., None].expand_as(features))


def _neighbours(whole: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the squared distances to the `count` nearest other clips, and their rows, each (clips, count)."""
    distances, neighbours = [], []
    for first in range(0, len(whole), BLOCK):
        block = whole[first : first + BLOCK]
        distance = 2 - 2 * block @ whole.T  # of vectors of length 1
        own = torch.arange(len(block), device=whole.device)
        distance[own, first + own] = torch.inf
        nearest = distance.topk(count, dim=1, largest=False)
        distances.append(nearest.values.clamp(min=0))
        neighbours.append(nearest.indices)
    return torch.cat(distances), torch.cat(neighbours)


def _normalised(distances: Tensor, neighbours: Tensor, clips: int) -> Tensor:
    """Return the graph D^-1/2 W D^-1/2, sparse (clips, clips).

    W_ij = exp(-d²_ij / (σ_i σ_j)), where σ is the distance to the last neighbour, so that dense and sparse regions have
    similar weights (Zelnik-Manor and Perona, 2004). An edge connects i and j if either is a neighbour of the other.
    """
    scale = distances[:, -1].sqrt().clamp(min=1e-6)  # (clips,)
    weights = torch.exp(-distances / (scale[:, None] * scale[neighbours]))
    rows = torch.arange(clips, device=neighbours.device)[:, None].expand_as(neighbours)
    forth = torch.stack([rows.flatten(), neighbours.flatten()])
    both = torch.cat([forth, forth.flip(0)], 1)
    pairs, which = torch.unique(both, dim=1, return_inverse=True)  # each edge once
    weight = weights.new_zeros(pairs.shape[1]).scatter_(0, which, weights.flatten().repeat(2))
    degree = weights.new_zeros(clips).scatter_add_(0, pairs[0], weight)
    degree = degree.clamp(min=torch.finfo(degree.dtype).tiny).rsqrt()  # a degree of 0: infinitely far from all others
    values = weight * degree[pairs[0]] * degree[pairs[1]]
    return torch.sparse_coo_tensor(pairs, values, (clips, clips), check_invariants=True).coalesce()
