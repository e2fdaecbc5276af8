"""Which clips keep their label, and what an epoch shows of them."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from distill.label_fraction import kept_share, labelled_clips, rows_of_epoch


@settings(deadline=None, max_examples=60)
@given(
    sizes=st.lists(st.integers(1, 30), min_size=1, max_size=6),
    fraction=st.floats(0.01, 0.99),
    seed=st.integers(0, 2**31),
)
def test_every_class_keeps_its_share_and_one_clip_at_least(sizes: list[int], fraction: float, seed: int) -> None:
    labels = torch.repeat_interleave(torch.arange(len(sizes)) * 3, torch.tensor(sizes))  # classes may be absent
    labels = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))]
    kept = labelled_clips(labels, fraction, seed)
    assert kept.dtype == torch.bool
    for label, size in enumerate(sizes):
        assert kept[labels == 3 * label].sum() == max(1, round(fraction * size))


def test_all_labels_are_kept_without_a_draw() -> None:
    assert labelled_clips(torch.tensor([0, 1, 1]), 1.0, 5).all()


def test_the_draw_is_the_seeds() -> None:
    labels = torch.arange(5).repeat(40)
    first = labelled_clips(labels, 0.1, 3)
    assert torch.equal(first, labelled_clips(labels, 0.1, 3))
    assert not torch.equal(first, labelled_clips(labels, 0.1, 4))
    before = torch.random.get_rng_state()
    labelled_clips(labels, 0.1, 3)
    assert torch.equal(before, torch.random.get_rng_state())


def test_the_draw_is_uniform_within_a_class() -> None:
    """Every clip of a class of ten is kept by a fifth of the seeds."""
    kept = torch.stack([labelled_clips(torch.zeros(10, dtype=torch.long), 0.2, seed) for seed in range(1000)])
    torch.testing.assert_close(kept.double().mean(0), torch.full((10,), 0.2, dtype=torch.double), atol=0.05, rtol=0)


@settings(deadline=None, max_examples=60)
@given(
    labelled=st.lists(st.booleans(), min_size=1, max_size=40).filter(any),
    unlabelled_too=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_an_epoch_has_as_many_rows_as_clips_whoever_reads_them(
    labelled: list[bool], unlabelled_too: bool, seed: int
) -> None:
    mask = torch.tensor(labelled)
    rows = rows_of_epoch(mask, unlabelled_too, seed, 1, batch_size=8)
    assert len(rows) == len(mask)
    seen = torch.bincount(rows, minlength=len(mask))
    if unlabelled_too:
        assert (seen == 1).all()
    else:
        assert (seen[~mask] == 0).all()
        assert seen[mask].max() - seen[mask].min() <= 1  # again and again, none ahead of the others


def test_methods_of_a_seed_see_one_order_where_all_is_labelled() -> None:
    every = torch.ones(50, dtype=torch.bool)
    order = rows_of_epoch(every, True, 7, 2, 8)
    assert torch.equal(order, rows_of_epoch(every, False, 7, 2, 8))
    assert torch.equal(order, rows_of_epoch(every, True, 7, 2, 8, labelled_rows=5))
    assert not torch.equal(order, rows_of_epoch(every, True, 7, 3, 8))
    assert not torch.equal(order, rows_of_epoch(every, True, 8, 2, 8))


def test_each_time_through_the_labelled_clips_has_an_order_of_its_own() -> None:
    mask = torch.zeros(80, dtype=torch.bool)
    mask[:20] = True
    rounds = torch.split(rows_of_epoch(mask, False, 0, 1, batch_size=7), 20)
    assert all(sorted(each.tolist()) == list(range(20)) for each in rounds)
    assert len({tuple(each.tolist()) for each in rounds}) == len(rounds)


@pytest.mark.parametrize("fraction", [0.1, 1.0])
def test_labels_and_batches_come_from_different_draws(fraction: float) -> None:
    """Which clips are labelled says nothing of where in the epoch they stand."""
    labels = torch.zeros(2000, dtype=torch.long)
    order = rows_of_epoch(torch.ones(2000, dtype=torch.bool), True, 1, 1, batch_size=8)
    first_half = labelled_clips(labels, fraction, 1)[order[:1000]].double().mean().item()
    assert first_half == pytest.approx(fraction, abs=0.04)


@settings(deadline=None, max_examples=60)
@given(
    labelled=st.lists(st.booleans(), min_size=2, max_size=60).filter(lambda mask: any(mask) and not all(mask)),
    batch_size=st.integers(1, 12),
    labelled_rows=st.integers(1, 12),
    seed=st.integers(0, 2**31),
)
def test_every_batch_begins_with_labelled_clips(
    labelled: list[bool], batch_size: int, labelled_rows: int, seed: int
) -> None:
    mask = torch.tensor(labelled)
    order = rows_of_epoch(mask, True, seed, 1, batch_size, labelled_rows)
    assert len(order) == len(mask)
    first = torch.cat([batch[:labelled_rows] for batch in torch.split(order, batch_size)])
    assert mask[first].all()
    shown = torch.bincount(first, minlength=len(mask))[mask]
    assert shown.max() - shown.min() <= 1  # in turn
    assert torch.equal(order, rows_of_epoch(mask, True, seed, 1, batch_size, labelled_rows))
    rest = torch.arange(len(mask)) % batch_size >= labelled_rows  # these are as they were
    assert torch.equal(order[rest], rows_of_epoch(mask, True, seed, 1, batch_size)[rest])


def test_labelled_rows_are_nothing_to_a_method_that_reads_labelled_clips_only() -> None:
    mask = torch.arange(40) % 4 == 0
    assert torch.equal(rows_of_epoch(mask, False, 3, 1, 8, 4), rows_of_epoch(mask, False, 3, 1, 8, 0))


@pytest.mark.parametrize(
    ("labels", "fraction", "share"),
    [([0] * 6 + [1] * 6, 0.01, 1 / 6), ([0] * 10 + [1] * 20, 0.1, 0.1), ([0, 1, 1], 1.0, 1.0)],
    ids=["one of each class", "as asked", "all"],
)
def test_the_kept_share_is_that_of_the_drawn_clips(labels: list[int], fraction: float, share: float) -> None:
    assert kept_share(labels, fraction) == pytest.approx(share)
    assert labelled_clips(torch.tensor(labels), fraction, 3).double().mean().item() == pytest.approx(share)
