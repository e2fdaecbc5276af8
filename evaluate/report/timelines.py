"""The rules that choose the test clips of the report.

The probabilities are averaged over the seeds, and the prediction is that of the average. The moment of a clip is the
progress level from which on its prediction is right and stays right (`earliness.time_to_correct`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluate.scoring.earliness import time_to_correct

NUMBER = 3  # clips per group


@dataclass(frozen=True)
class Group:
    """Some clips (indices into the test clips), a title, and the rule that chose them."""

    title: str
    rule: str
    clips: tuple[int, ...]


def choose_clips(
    probabilities: NDArray[np.floating], baseline: NDArray[np.floating] | None, labels: NDArray[np.integer]
) -> list[Group]:
    """Return groups of clips for timelines; the same numbers give the same clips.

    The groups are: right earlier than the baseline by the most, right later by the most, typical clips, failures. A
    group prefers clips of different classes. Clips with equal values are in the manifest's order. No clip is in two
    groups, and a group without clips is left out.

    Args:
        probabilities: (clips, N, C) of the method, the mean over seeds.
        baseline: (clips, N, C) of the baseline; None: without the groups that compare.
        labels: (clips,).
    """
    num_segments = probabilities.shape[1]
    moment = moments(probabilities, labels)
    own = np.take_along_axis(probabilities, labels[:, None, None], axis=2)[:, :, 0]  # (clips, N) of the true class
    found: list[Group] = []

    def add(title: str, rule: str, candidates: NDArray[np.bool_], order: NDArray[np.floating]) -> None:
        taken = {clip for group in found for clip in group.clips}
        ranked = [int(clip) for clip in np.argsort(order, kind="stable") if candidates[clip] and int(clip) not in taken]
        if ranked:
            found.append(Group(title, rule, _one_a_class(ranked, labels)))

    if baseline is not None:
        gained = moments(baseline, labels) - moment  # (clips,) progress levels
        add(
            "Right earlier than the baseline",
            "the baseline’s moment comes the longest after the method’s",
            gained > 0,
            -gained,
        )
        add(
            "Right later than the baseline",
            "the baseline’s moment comes the longest before the method’s",
            gained < 0,
            gained,
        )
    reached = moment <= num_segments
    if reached.any():
        middle = float(np.median(moment[reached]))
        mean = own[reached].mean(axis=0)
        # Nearest to the median moment first; of equal ones, the clip whose curve is nearest to the mean curve.
        distance = np.abs(moment - middle) + 0.5 * np.abs(own - mean).mean(axis=1)
        add(
            "Typical",
            "nearest to the median moment and to the mean curve of the clips that are right at the end",
            reached,
            distance,
        )
    sureness = probabilities[:, -1].max(axis=1)
    add("Failures", "wrong at the end, with the highest confidence first", moment > num_segments, -sureness)
    return found


def competitors(probabilities: NDArray[np.floating], label: int, number: int = 2) -> list[int]:
    """Return the wrong classes with the highest probability at any ratio; of equal ones the first class first.

    Args:
        probabilities: (N, C) of one clip.
        label: the true class.
        number: how many.
    """
    highest = probabilities.max(axis=0).astype(np.float64)
    highest[label] = -1
    return [int(index) for index in np.argsort(-highest, kind="stable")[: min(number, len(highest) - 1)]]


def shown_levels(num_segments: int, most: int = 5) -> list[int]:
    """Return the progress levels of the key frames, from 1 to N: at equal distances, the last one is N."""
    number = min(num_segments, most)
    return [num_segments * step // number for step in range(1, number + 1)]


def moments(probabilities: NDArray[np.floating], labels: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return the first progress level from which each clip is right and stays right; N + 1: never."""
    num_segments = probabilities.shape[1]
    fractions = time_to_correct(probabilities.argmax(axis=2) == labels[:, None])
    return np.asarray(np.rint(np.nan_to_num(fractions * num_segments, nan=num_segments + 1)))


def _one_a_class(ranked: Sequence[int], labels: NDArray[np.integer]) -> tuple[int, ...]:
    firsts = {int(labels[clip]): clip for clip in reversed(ranked)}
    first_of_class = [clip for clip in ranked if firsts[int(labels[clip])] == clip]
    others = [clip for clip in ranked if firsts[int(labels[clip])] != clip]
    return tuple((first_of_class + others)[:NUMBER])
