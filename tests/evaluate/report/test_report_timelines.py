"""Which clips are shown: by the rule that the page states, every time the same."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from evaluate.report.timelines import NUMBER, choose_clips, competitors, moments, shown_levels

N, C = 10, 8


def right_from(levels: list[int], labels: list[int], sure: float = 0.9) -> NDArray[np.float64]:
    """Probabilities of clips that are right from a level on, and before say the class after the true one."""
    probabilities = np.full((len(levels), N, C), (1 - sure) / (C - 1))
    for clip, (level, label) in enumerate(zip(levels, labels, strict=True)):
        said = [label if n >= level else (label + 1) % C for n in range(1, N + 1)]
        probabilities[clip, range(N), said] = sure
    return probabilities


def groups_of(ours: list[int], theirs: list[int] | None, labels: list[int]) -> dict[str, tuple[int, ...]]:
    beside = None if theirs is None else right_from(theirs, labels)
    return {group.title: group.clips for group in choose_clips(right_from(ours, labels), beside, np.array(labels))}


def test_clips_are_chosen_by_the_rules() -> None:
    labels = [0, 1, 2, 3, 4, 5, 6, 7]
    ours = [2, 1, 5, 9, 5, 4, 11, 10]
    theirs = [5, 11, 5, 3, 5, 5, 11, 11]
    found = groups_of(ours, theirs, labels)
    assert found == {
        "Right earlier than the baseline": (1, 0, 5),  # ten, three, one levels earlier; clip 7 is the fourth
        "Right later than the baseline": (3,),
        "Typical": (2, 4, 7),
        "Failures": (6,),
    }


def test_without_a_baseline_nothing_is_compared() -> None:
    found = groups_of([3, 11, 4], None, [0, 1, 2])
    assert list(found) == ["Typical", "Failures"]
    assert found["Failures"] == (1,)


def test_a_class_stands_once_as_long_as_there_are_others() -> None:
    found = groups_of([1, 1, 1, 2, 3], [9, 9, 9, 9, 9], [0, 0, 0, 1, 2])
    assert found["Right earlier than the baseline"] == (0, 3, 4)
    found = groups_of([1, 1, 1, 2], [9, 9, 9, 9], [0, 0, 0, 1])
    assert found["Right earlier than the baseline"] == (0, 3, 1)


def test_the_surest_failures_stand_first() -> None:
    labels = [0, 1, 2, 3]
    probabilities = np.concatenate(
        [right_from([11], [label], sure) for label, sure in zip(labels, (0.5, 0.9, 0.6, 0.95), strict=True)]
    )
    (failures,) = choose_clips(probabilities, None, np.array(labels))
    assert failures.clips == (3, 1, 2)


@given(st.data())
def test_no_clip_stands_twice_and_groups_hold_what_they_say(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 12))
    levels = st.lists(st.integers(1, N + 1), min_size=count, max_size=count)
    ours, theirs = data.draw(levels), data.draw(levels)
    labels = data.draw(st.lists(st.integers(0, C - 1), min_size=count, max_size=count))
    found = groups_of(ours, theirs, labels)
    shown = [clip for clips in found.values() for clip in clips]
    assert len(set(shown)) == len(shown)
    assert all(0 < len(clips) <= NUMBER for clips in found.values())
    assert all(ours[clip] < theirs[clip] for clip in found.get("Right earlier than the baseline", ()))
    assert all(ours[clip] > theirs[clip] for clip in found.get("Right later than the baseline", ()))
    assert all(ours[clip] <= N for clip in found.get("Typical", ()))
    assert all(ours[clip] == N + 1 for clip in found.get("Failures", ()))
    if any(ours[clip] < theirs[clip] for clip in range(count)):
        assert "Right earlier than the baseline" in found


def test_a_moment_is_where_a_clip_becomes_right_for_good() -> None:
    probabilities = right_from([1, 4, N, N + 1], [0, 1, 2, 3])
    probabilities[1, 6] = np.eye(C)[5]  # wrong again at level 7
    assert moments(probabilities, np.array([0, 1, 2, 3])).tolist() == [1, 8, N, N + 1]


def test_competitors_are_the_others_that_were_ever_most_probable() -> None:
    probabilities = np.full((3, 5), 0.01)
    probabilities[0, 3], probabilities[2, 1], probabilities[:, 2] = 0.6, 0.7, 0.8
    assert competitors(probabilities, label=2) == [1, 3]
    assert competitors(probabilities, label=1) == [2, 3]
    assert competitors(np.array([[0.4, 0.6]]), label=0) == [1]
    assert competitors(np.array([[1.0]]), label=0) == []


@pytest.mark.parametrize(
    ("segments", "levels"), [(10, [2, 4, 6, 8, 10]), (1, [1]), (3, [1, 2, 3]), (7, [1, 2, 4, 5, 7])]
)
def test_key_frames_are_evenly_apart_up_to_the_end(segments: int, levels: list[int]) -> None:
    assert shown_levels(segments) == levels
