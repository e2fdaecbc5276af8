"""The best accuracy that any classifier can expect at each observation ratio.

It is known because the data set is synthetic. A method that is above it by more than chance used the future.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from common.errors import UserError
from manifests.stick_figures.video import MAX_B_FRAMES

_COLUMNS = ("num_frames", "start_frame", "branch_frame", "family", "class_name")


def best_accuracy(clips: pd.DataFrame, num_segments: int = 10) -> NDArray[np.float64]:
    """Return the best accuracy any classifier can expect, (num_segments,), in 0…1.

    At ratio n/N a classifier sees the frames [0, ⌊nT/N⌋) of each clip. Before the start frame, its best guess is the
    most frequent class. From the start frame on, it knows the family and its best guess is that family's most frequent
    class. From the branch frame on, it knows the class. The frequencies are those in `clips`.

    A decoded B-frame depends on later frames too, so a frame may contain information of up to `MAX_B_FRAMES` later
    frames. Every clip therefore counts as known that many frames earlier, so that this stays an upper bound.

    The bound is an expectation. On a finite set of clips, a guess may be above it by chance.

    Args:
        clips: the test clips, with num_frames, start_frame, branch_frame, family and class_name, as in the manifest.
        num_segments: N.

    Raises:
        UserError: there are no clips, or a column is missing.
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
