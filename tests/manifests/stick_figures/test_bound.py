"""The best accuracy that a classifier can expect, compared with a count over all clips."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import UserError
from manifests.stick_figures.actions import ACTIONS
from manifests.stick_figures.bound import best_accuracy
from manifests.stick_figures.data_set import Clip


def clips_of(rows):
    return pd.DataFrame(rows, columns=["num_frames", "start_frame", "branch_frame", "family", "class_name"])


def counted(clips, num_segments):
    """The same by brute force: frame by frame, clip by clip, over every clip that could still be meant."""
    accuracies = []
    for segment in range(1, num_segments + 1):
        hits = 0.0
        for clip in clips.itertuples():
            end = int(segment * clip.num_frames / num_segments + 1e-9)
            shown = {frame + ahead for frame in range(end) for ahead in range(3)}
            possible = list(clips.itertuples())
            if clip.start_frame in shown:
                possible = [one for one in possible if one.family == clip.family]
            if clip.branch_frame in shown:
                possible = [one for one in possible if one.class_name == clip.class_name]
            names = [one.class_name for one in possible]
            hits += max(names.count(name) for name in names) / len(names)
        accuracies.append(hits / len(clips))
    return accuracies


timings = st.tuples(st.integers(20, 90), st.integers(3, 15), st.integers(1, 40))


@given(st.lists(st.tuples(timings, st.sampled_from(ACTIONS)), min_size=1, max_size=12), st.integers(1, 12))
def test_the_bound_is_what_counting_gives(drawn, num_segments):
    clips = clips_of([(t, start, start + lasting, a.family, a.name) for (t, start, lasting), a in drawn])
    np.testing.assert_allclose(best_accuracy(clips, num_segments), counted(clips, num_segments))


@given(st.lists(timings, min_size=1, max_size=4))
def test_with_balanced_classes_it_never_falls(drawn):
    clips = clips_of([(t, start, start + lasting, a.family, a.name) for t, start, lasting in drawn for a in ACTIONS])
    assert (np.diff(best_accuracy(clips)) >= -1e-12).all()


def test_one_clip_by_hand():
    # Of 50 frames each segment adds 5. The start shows at 10 + 2 > 11, the branch at 25 + 2 > 26.
    shared = [(50, 11, 26, a.family, a.name) for a in ACTIONS]
    assert best_accuracy(clips_of(shared)).round(9).tolist() == [0.1, 0.4, 0.4, 0.4, *[1.0] * 6]
    later = [(50, 12, 27, a.family, a.name) for a in ACTIONS]
    assert best_accuracy(clips_of(later)).round(9).tolist() == [0.1, 0.1, 0.4, 0.4, 0.4, *[1.0] * 5]


def test_the_data_set_starts_at_chance_and_passes_the_families():
    clips = []
    for action in ACTIONS:
        for number in range(12):
            clip = Clip(action, "test", number).variation(0)
            clips.append((clip.num_frames, clip.start_frame, clip.branch_frame, action.family, action.name))
    bound = best_accuracy(clips_of(clips))
    assert bound[0] == pytest.approx(0.1)
    assert 0.2 < bound[1] < bound[2] == pytest.approx(0.4)
    assert 0.4 < bound[4] < 1
    assert (bound[5:] == 1).all()


def test_columns_as_a_manifest_reads_them_are_text():
    clips = clips_of([(50, 11, 26, a.family, a.name) for a in ACTIONS])
    as_read = clips.astype({"start_frame": str, "branch_frame": str})
    assert (best_accuracy(as_read) == best_accuracy(clips)).all()


def test_a_manifest_of_another_data_set_is_refused():
    with pytest.raises(UserError, match="'start_frame' is missing"):
        best_accuracy(pd.DataFrame({"num_frames": [50], "class_name": ["drink"]}))
    with pytest.raises(UserError, match="no clips"):
        best_accuracy(clips_of([]))
