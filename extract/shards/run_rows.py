"""What became of every planned clip, in twenty-four bytes each: where its features are, or why it has none.

One shard is read after the other, so a run of a million clips needs no dict of them.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from extract.shards.ledger import LedgerRow
from extract.shards.run_folder import RunFolder
from extract.shards.shard_folder import RowPlace

NOT_DONE = -1


@dataclass(frozen=True)
class RunRows:
    """The clips of a run, by shard, and within a shard in the manifest's order.

    Attributes:
        parts: the files with features, and their numbers.
        part: (clips,) number of its part; `NOT_DONE`: the clip has no features.
        row: (clips,) of the features in their part.
        num_frames: (clips,) frames of the recording.
        num_segments: (clips,) segments of the recording, if they last a fixed time.
        failures: the last attempt at each clip that failed.
        missing: the clips that are neither done nor failed.
    """

    parts: dict[Path, int]
    part: NDArray[np.int32]
    row: NDArray[np.int32]
    num_frames: NDArray[np.int64]
    num_segments: NDArray[np.int64]
    failures: dict[str, LedgerRow]
    missing: list[str]

    @property
    def done(self) -> int:
        """Number of clips with features."""
        return int((self.part != NOT_DONE).sum())


def read_run_rows(run: RunFolder) -> RunRows:
    """Return what became of every planned clip.

    Raises:
        UserError: nothing is planned, or the list of clips is damaged.
    """
    total = sum(own.clips for own in run.shard_lists)
    part, row = np.full(total, NOT_DONE, np.int32), np.zeros(total, np.int32)
    found = RunRows({}, part, row, np.zeros(total, np.int64), np.zeros(total, np.int64), {}, [])
    start, moved, not_done = 0, dict[str, RowPlace](), dict[str, int]()
    for number, own in enumerate(run.shard_lists):
        _read_shard(run, number, start, found, (moved, not_done))
        start += own.clips
    for clip_id in moved.keys() & not_done.keys():
        found.failures.pop(clip_id, None)
        _fill_in(found, not_done[clip_id], moved[clip_id])
    found.missing.extend(
        clip for clip, place in not_done.items() if part[place] == NOT_DONE and clip not in found.failures
    )
    return found


def _read_shard(
    run: RunFolder, number: int, start: int, found: RunRows, others: tuple[dict[str, RowPlace], dict[str, int]]
) -> None:
    """Fill in the clips of one shard.

    Args:
        run: its folder.
        number: of the shard.
        start: the place of the shard's first clip.
        found: the arrays, and the failures.
        others: takes what this shard has of clips that are not its own now, which may belong to another shard of a
            new plan; and the places of its own clips that are not done here.
    """
    moved, not_done = others
    shard = run.shard(number)
    done = shard.done()
    failures = shard.failures(done)
    for place, clip_id in enumerate(run.clips_of(number)["clip_id"].tolist(), start):
        if features := done.pop(clip_id, None):
            _fill_in(found, place, features)
            continue
        not_done[clip_id] = place
        if clip_id in failures:
            found.failures[clip_id] = failures[clip_id]
    moved |= done


def _fill_in(found: RunRows, place: int, features: RowPlace) -> None:
    found.part[place], found.row[place] = found.parts.setdefault(features.part, len(found.parts)), features.row
    found.num_frames[place], found.num_segments[place] = features.num_frames, features.num_segments
