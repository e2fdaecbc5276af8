"""Soft labels for clips without a label, on which two teachers agree. The method is ours, it is not in the paper.

The teachers are a network and a graph of similar clips (`distill.label_spreading`). T and G are their probabilities for
whole clips; clips with a label have it in both. The product T·G is high for a class only if neither teacher excludes
it. Then it is balanced: every class gets the share of the clips that it has of the labels. Few labels leave some
classes with too many clips and others with too few, and balancing alone corrects many of these errors.

No validation label is read.
"""

import torch
from torch import Tensor

LEAST = 1e-3  # is added to a teacher's probabilities, so that neither teacher excludes a class for good
SMALLEST = 1e-4  # is added to what is balanced, so that every class can get every clip
ROUNDS = 50  # of balancing


def agreed_labels(by_network: Tensor, by_graph: Tensor, given: Tensor) -> Tensor:
    """Return the probabilities (clips, C) of all clips.

    Args:
        by_network: (clips, C), probabilities by the network.
        by_graph: (clips, C), probabilities by the graph.
        given: (clips, C), a 1 for the label of each clip that has one, zeros for the others.
    """
    labelled = given.sum(1, keepdim=True) > 0
    network, graph = (torch.where(labelled, given, each) + LEAST for each in (by_network, by_graph))
    return torch.where(labelled, given, balanced(network * graph, given.sum(0) / given.sum()))


def balanced(scores: Tensor, shares: Tensor) -> Tensor:
    """Return probabilities (clips, C) whose classes have given shares of all clips (Sinkhorn and Knopp, 1967).

    The classes and the clips are scaled in turn, `ROUNDS` times. The clips come last, so the sum of each clip is 1, and
    the shares of the classes are nearly right.

    Args:
        scores: (clips, C), not negative, and of each clip not all 0.
        shares: (C,), positive, with the sum 1.
    """
    scores = scores / scores.sum(1, keepdim=True) + SMALLEST
    for _ in range(ROUNDS):
        scores = scores * (shares * len(scores) / scores.sum(0))
        scores = scores / scores.sum(1, keepdim=True)
    return scores
