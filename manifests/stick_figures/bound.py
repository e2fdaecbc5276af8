"""How well the best possible classifier does at each observation ratio: known, because the data set draws itself.

A method above this bound by more than luck saw the future. Nothing is drawn or trained here.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from common.errors import UserError
from manifests.stick_figures.video import MAX_B_FRAMES

_COLUMNS = ("num_frames", "start_frame", "branch_frame", "family", "class_name")


def best_accuracy(clips: pd.DataFrame, num_segments: int = 10) -> NDArray[np.float64]:
    """Return the best accuracy any classifier can expect, (num_segments,), in 0…1.

    At ratio n/N it sees the frames [0, ⌊nT/N⌋) of each clip. Before a clip's start frame it can only name the
    most frequent class; from there on it knows the family and names that family's most frequent class; from the
    branch frame on it knows the class. How frequent a class is, is counted among `clips`.

    A decoded B-frame is predicted from later frames too, so a frame may leak up to `MAX_B_FRAMES` frames of the
    future: every clip counts as decided that many frames earlier, which keeps this an upper bound.

    It is the expectation over the labels: on a finite set of clips a lucky guesser may lie above it.

    Args:
        clips: the test clips, with num_frames, start_frame, branch_frame, family and class_name, as in the manifest.
        num_segments: N.

    Raises:
        UserError: no clips, or a column is missing.
    """
    missing = [column for column in _COLUMNS if column not in clips]
    if missing:
        raise UserError(f"column {missing[0]!r} is missing; only a manifest of the stick figures has a known bound")
    if clips.empty:
        raise UserError("no clips to bound the accuracy of")
    length, start, branch = (clips[column].to_numpy(dtype=np.int64) for column in _COLUMNS[:3])

    class_share = clips["class_name"].value_counts(normalize=True)
    family_of = clips.drop_duplicates("class_name").set_index("class_name")["family"]
    by_family = class_share.groupby(family_of)
    by_guess_in_family = clips["family"].map(by_family.max() / by_family.sum()).to_numpy(dtype=np.float64)

    leaking = np.arange(1, num_segments + 1)[:, None] * length // num_segments + MAX_B_FRAMES  # (N, clips)
    known = np.where(leaking > start, by_guess_in_family, class_share.max())
    best: NDArray[np.float64] = np.where(leaking > branch, 1.0, known).mean(axis=1)
    return best
