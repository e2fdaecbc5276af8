"""Which training clips keep their label where only a share of them may be read (§3.4). No training here."""

import torch
from torch import Tensor

from common.seeding import derive_seed


def labelled_clips(labels: Tensor, fraction: float, seed: int) -> Tensor:
    """Draw the clips that keep their label, per class, so that no class is without.

    Args:
        labels: (clips,), of the training split.
        fraction: share of each class to keep, in (0, 1]; rounded, and one clip at least.
        seed: of the draw; every method of a seed has the same clips.

    Returns:
        (clips,) bool, on the device of the labels.
    """
    if fraction == 1:
        return torch.ones_like(labels, dtype=torch.bool)
    generator = torch.Generator().manual_seed(derive_seed(seed, 0, 2))
    kept = torch.zeros(len(labels), dtype=torch.bool)
    for label in sorted(set(labels.tolist())):
        clips = (labels.cpu() == label).nonzero().flatten()
        count = max(1, round(fraction * len(clips)))
        kept[clips[torch.randperm(len(clips), generator=generator)[:count]]] = True
    return kept.to(labels.device)


def rows_of_epoch(
    labelled: Tensor, unlabelled_too: bool, seed: int, epoch: int, batch_size: int, labelled_rows: int = 0
) -> Tensor:
    """Return the training clips in the order of one epoch.

    An epoch has as many rows as there are training clips, whatever their labels: a method that reads labelled clips
    only goes through them again and again, in a new order each time, and takes as many steps as the others.

    Args:
        labelled: (clips,) bool.
        unlabelled_too: the method learns from clips without label as well.
        seed: of the order; with all clips labelled, every method of a seed has the same.
        epoch: from 1.
        batch_size: rows of a batch, which are cut from the order one after another.
        labelled_rows: with unlabelled clips, the first so many rows of each batch are labelled ones.

    Returns:
        (clips,) row numbers, on the device of `labelled`.
    """
    clips = len(labelled)
    with_label = labelled.cpu().nonzero().flatten()
    shuffle = torch.Generator().manual_seed(derive_seed(seed, epoch))
    order = _again_and_again(torch.arange(clips) if unlabelled_too else with_label, clips, shuffle)
    if unlabelled_too and labelled_rows and len(with_label) < clips:
        first = torch.arange(clips) % batch_size < labelled_rows
        order[first] = _again_and_again(with_label, int(first.sum()), shuffle)
    return order.to(labelled.device)


def _again_and_again(pool: Tensor, count: int, shuffle: torch.Generator) -> Tensor:
    """The pool in a new order each time, until there are `count`."""
    rounds = -(-count // len(pool))
    return torch.cat([pool[torch.randperm(len(pool), generator=shuffle)] for _ in range(rounds)])[:count]
