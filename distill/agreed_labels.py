"""Soft labels for clips without a label, on which two teachers agree. The method is ours, it is not in the paper.

The teachers are a network and a graph of similar clips (`distill.label_spreading`). T and G are their probabilities for
whole clips; clips with a label have it in both.

1. The product T·G is high for a class only if neither teacher excludes it.
2. It is balanced: every class gets the share of the clips that it has of the labels. Few labels leave some classes with
   too many clips and others with too few, and this alone corrects many of the errors.
3. The result spreads over the graph once more. A clip gives its most probable class as much as it is sure of it, so
   errors that its neighbours do not share disappear. The outcome is balanced again.

No validation label is read.
"""

import torch
from torch import Tensor

from distill.label_spreading import spread

LEAST = 1e-3  # is added to a teacher's probabilities, so that neither teacher excludes a class for good
SMALLEST = 1e-4  # is added to what is balanced, so that every class can get every clip
ROUNDS = 50  # of balancing; the shares of the classes are then right to about 0.1 %


def agreed_labels(by_network: Tensor, by_graph: Tensor, given: Tensor, graph: Tensor, reach: float) -> Tensor:
    """Return the probabilities (clips, C) of all clips.

    Args:
        by_network: (clips, C), probabilities by the network.
        by_graph: (clips, C), probabilities by the graph.
        given: (clips, C), a 1 for the label of each clip that has one, zeros for the others.
        graph: as `label_spreading.similarity_graph` returns it.
        reach: of the graph, as in `label_spreading.spread`.
    """
    labelled = given.sum(1, keepdim=True) > 0
    shares = given.sum(0) / given.sum()
    network, other = (torch.where(labelled, given, each) + LEAST for each in (by_network, by_graph))
    first = balanced(network * other, shares)
    weak = torch.where(labelled, given, first * first.amax(1, keepdim=True))
    return torch.where(labelled, given, balanced(spread(graph, weak, reach), shares))


def balanced(scores: Tensor, shares: Tensor) -> Tensor:
    """Return probabilities (clips, C) whose classes have given shares of all clips (Sinkhorn and Knopp, 1967).

    Rows and columns are scaled in turn. So a score that is larger than another one of its clip and its class stays so.

    Args:
        scores: (clips, C), not negative, and of each clip not all 0.
        shares: (C,), positive, with the sum 1.
    """
    scores = scores / scores.sum(1, keepdim=True) + SMALLEST
    for _ in range(ROUNDS):
        scores = scores * (shares * len(scores) / scores.sum(0))
        scores = scores / scores.sum(1, keepdim=True)
    return scores
