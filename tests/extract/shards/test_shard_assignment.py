"""The shard of a clip does not depend on other clips; shards are balanced, and few clips move when videos are added."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.shards.shard_assignment import SLACK, assign_shards

CLIPS = [f"v_Action_g{group:02}_c{clip:02}" for group in range(100) for clip in range(20)]
FRAMES = np.random.default_rng(0).integers(30, 600, len(CLIPS)).tolist()

names = st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=60, unique=True)


@given(names, st.integers(1, 9), st.randoms(use_true_random=False))
def test_the_order_of_the_clips_plays_no_part(clip_ids: list[str], shards: int, chance) -> None:  # type: ignore[no-untyped-def]
    costs = [chance.randint(0, 100) for _ in clip_ids]
    before = dict(zip(clip_ids, assign_shards(clip_ids, costs, shards).tolist(), strict=True))
    rows = list(zip(clip_ids, costs, strict=True))
    chance.shuffle(rows)
    mixed_ids, mixed_costs = zip(*rows, strict=True)
    after = assign_shards(mixed_ids, mixed_costs, shards).tolist()
    assert dict(zip(mixed_ids, after, strict=True)) == before


@given(names, st.integers(1, 9), st.data())
def test_no_shard_has_more_than_its_share_and_one_clip(clip_ids: list[str], shards: int, data: st.DataObject) -> None:
    costs = [data.draw(st.floats(0.1, 1e6)) for _ in clip_ids]
    chosen = assign_shards(clip_ids, costs, shards)
    assert set(chosen.tolist()) <= set(range(shards))
    loads = np.bincount(chosen, weights=costs, minlength=shards)
    assert loads.max() <= (1 + SLACK) * sum(costs) / shards + max(costs) + 1e-6


@pytest.mark.parametrize("shards", [2, 16, 64])
def test_shards_are_even_in_frames(shards: int) -> None:
    loads = np.bincount(assign_shards(CLIPS, FRAMES, shards), weights=FRAMES, minlength=shards)
    assert loads.max() / loads.mean() < 1.2
    assert loads.min() > 0


def test_added_videos_leave_the_others_where_they_are() -> None:
    many = [f"more{index}" for index in range(100)]  # a twentieth more
    before = assign_shards(CLIPS, FRAMES, 16)
    after = assign_shards([*many, *CLIPS], [300] * 100 + FRAMES, 16)[100:]
    assert np.mean(before != after) < 0.05  # by position in the list it would be 15/16 of them
    one = assign_shards(["one", *CLIPS], [300, *FRAMES], 16)[1:]
    assert np.sum(before != one) <= 5


def test_clips_of_unknown_length_count_as_usual_ones() -> None:
    costs = [100.0] * 1000 + [0.0] * 1000
    assert np.array_equal(assign_shards(CLIPS, costs, 8), assign_shards(CLIPS, [100.0] * 2000, 8))
    assert np.array_equal(assign_shards(CLIPS, [0] * 2000, 8), assign_shards(CLIPS, [1] * 2000, 8))


def test_the_assignment_of_released_runs_does_not_change() -> None:
    """Fixed values: another rule would move the clips of runs that have begun."""
    assert assign_shards(CLIPS[:12], FRAMES[:12], 4).tolist() == GOLDEN


GOLDEN = [2, 3, 2, 1, 1, 1, 2, 1, 2, 0, 3, 0]
