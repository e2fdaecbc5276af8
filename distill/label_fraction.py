"""Few labels (paper, section 3.4): which training clips keep their label, and the order of clips in an epoch."""

from collections import Counter
from collections.abc import Iterable

import torch
from torch import Tensor

from common.seeding import derive_seed


def labelled_clips(labels: Tensor, fraction: float, seed: int) -> Tensor:
    """Draw the clips that keep their label, class by class, so that every class has some.

    Args:
        labels: (clips,), of the training split.
        fraction: share of each class in (0, 1]. The number of clips is rounded, and is at least one.
        seed: of the draw. All methods with this seed have the same labelled clips.

    Returns:
        (clips,) bool, on the device of the labels.
    """
    if fraction == 1:
        return torch.ones_like(labels, dtype=torch.bool)
    generator = torch.Generator().manual_seed(derive_seed(seed, 0, 2))
    kept = torch.zeros(len(labels), dtype=torch.bool)
    for label in sorted(set(labels.tolist())):
        clips = (labels.cpu() == label).nonzero().flatten()
        count = _kept(len(clips), fraction)
        kept[clips[torch.randperm(len(clips), generator=generator)[:count]]] = True
    return kept.to(labels.device)


def kept_share(labels: Iterable[int], fraction: float) -> float:
    """Return the share of the clips that keep their label, in (0, 1]; it is above `fraction` if classes are small.

    Args:
        labels: (clips,), of the training split.
        fraction: the share of each class that was asked for, in (0, 1].
    """
    clips = Counter(labels)
    return sum(_kept(count, fraction) for count in clips.values()) / clips.total()


def _kept(clips: int, fraction: float) -> int:
    """Return how many clips of a class keep their label."""
    return max(1, round(fraction * clips))


def rows_of_epoch(
    labelled: Tensor, unlabelled_too: bool, seed: int, epoch: int, batch_size: int, labelled_rows: int = 0
) -> Tensor:
    """Return the training clips in the order of one epoch.

    An epoch has as many rows as there are training clips. So a method that uses labelled clips only goes through them
    several times, each time in a new order, and makes as many SGD steps as the other methods.

    Args:
        labelled: (clips,) bool.
        unlabelled_too: the method also learns from clips without a label.
        seed: of the order. If all clips have a label, all methods with this seed have the same order.
        epoch: from 1.
        batch_size: rows of a batch; the batches are successive parts of the order.
        labelled_rows: number of rows at the start of each batch that have a label, if other clips have none.

    Returns:
        (clips,) row numbers, on the device of `labelled`.
    """
    clips = len(labelled)
    with_label = labelled.cpu().nonzero().flatten()
    shuffle = torch.Generator().manual_seed(derive_seed(seed, epoch))
    order = _repeat_in_new_orders(torch.arange(clips) if unlabelled_too else with_label, clips, shuffle)
    if unlabelled_too and labelled_rows and len(with_label) < clips:
        first = torch.arange(clips) % batch_size < labelled_rows
        order[first] = _repeat_in_new_orders(with_label, int(first.sum()), shuffle)
    return order.to(labelled.device)


def _repeat_in_new_orders(pool: Tensor, count: int, shuffle: torch.Generator) -> Tensor:
    """Return `count` clips: the pool repeated, each time in a new random order."""
    rounds = -(-count // len(pool))
    return torch.cat([pool[torch.randperm(len(pool), generator=shuffle)] for _ in range(rounds)])[:count]
