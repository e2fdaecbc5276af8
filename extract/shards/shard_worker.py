"""Extract the clips of one shard: features go into parts, failures into the ledger. Decoding runs ahead of the network.

Which clips these are is decided in `run_shards`.
"""

import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from common.errors import UserError
from common.log import LOGGER
from extract.cache_rows import Row
from extract.clip import Clip
from extract.decoding.decode_process import DecodeTask, Failure
from extract.decoding.pool import decode_all
from extract.machine import Machine
from extract.networks.segment_network import SegmentNetwork
from extract.shards.clip_file import ClipFile, look_up_clip_file
from extract.shards.heartbeat import Heartbeat
from extract.shards.shard_folder import ShardFolder

PART_CLIPS = 512  # a part is written after so many clips …
PART_SECONDS = 30.0  # … or seconds: a kill loses no more work than that
FIRST_PART_SECONDS = 1.0  # for the first part; the time doubles, so that a run which is killed often still progresses


class ShardWorker:
    """One shard's clips through one network.

    Args:
        shard: where parts and failures go; its lock is held.
        network: what makes features of a clip.
        machine: how clips are decoded.
        stop: once it is set, no further clip is begun.
        heartbeat: notes every clip.
        clip_done: called after every clip.
    """

    def __init__(
        self,
        shard: ShardFolder,
        network: SegmentNetwork,
        machine: Machine,
        stop: threading.Event | None,
        heartbeat: Heartbeat,
        clip_done: Callable[[], None],
    ) -> None:
        self.shard, self.network, self.machine = shard, network, machine
        self.stop, self.heartbeat, self.clip_done = stop, heartbeat, clip_done
        self.rows: list[Row] = []
        self.files: dict[str, ClipFile] = {}
        self.num_segments: int | None = None  # N of the tasks, if segments last a fixed time
        self.joints: tuple[int, str] | None = None  # the joints of the first skeleton, and its clip

    def work(self, tasks: Iterator[DecodeTask]) -> None:
        """Extract the clips. What is computed before an error or Ctrl-C is kept.

        Raises:
            UserError: the disk or the GPU's memory is full, or the network is for other skeletons.
        """
        last_part, patience = time.monotonic(), FIRST_PART_SECONDS
        try:
            for clip_id, num_frames, features in self.network.stream(self._clips(tasks)):
                self._keep(self._row(clip_id, features, num_frames))
                if len(self.rows) >= PART_CLIPS or time.monotonic() - last_part > min(patience, PART_SECONDS):
                    self._write()
                    last_part, patience = time.monotonic(), 2 * patience
        except torch.OutOfMemoryError as error:
            raise UserError(
                f"the GPU's memory is full ({str(error).split('.')[0]}); is another process on it? Else give a smaller "
                "image size, fewer frames per segment or the precision bf16, with another output"
            ) from error
        finally:  # also on Ctrl-C
            self._write()

    def _clips(self, tasks: Iterator[DecodeTask]) -> Iterator[tuple[str, Clip]]:
        noted = (self._note(task) for task in tasks)
        machine = self.machine
        for outcome in decode_all(noted, workers=machine.workers, deadline=machine.deadline, stop=self.stop):
            if not isinstance(outcome, Failure) and (reason := self._other_joints(*outcome)):
                outcome = Failure(outcome[0], "decode", reason)
            if isinstance(outcome, Failure):
                self._fail(outcome)
            else:
                yield outcome

    def _other_joints(self, clip_id: str, clip: Clip) -> str:
        """Return why a skeleton does not belong to the others of the run; "" if it does."""
        if clip.segments.ndim != 3:  # a video
            return ""
        joints = int(clip.segments[0, 0, 2])
        self.joints = self.joints or (joints, clip_id)
        if joints == self.joints[0]:
            return ""
        return f"it has {joints} joints, and {self.joints[1]} {self.joints[0]}; all files of a set have the same joints"

    def _note(self, task: DecodeTask) -> DecodeTask:
        self.num_segments = task.num_segments if task.segment_time else None
        self.files[task.clip_id] = look_up_clip_file(task.name, task.path, task.size)
        return task

    def _row(self, clip_id: str, features: NDArray[np.float32], num_frames: int) -> Row:
        """Return the row of a clip; where segments last a fixed time, zeros follow the features of its own ones."""
        if self.num_segments is None:
            return Row(clip_id, features, num_frames, True)
        own = len(features)
        return Row(clip_id, np.pad(features, ((0, self.num_segments - own), (0, 0))), num_frames, True, own)

    def _keep(self, row: Row) -> None:
        if self.rows and row.features.shape != self.rows[0].features.shape:
            shapes = f"{row.features.shape}, and others {self.rows[0].features.shape}"
            self._fail(Failure(row.clip_id, "network", f"its features have the shape {shapes}"))
        elif not np.isfinite(row.features).all():
            self._fail(Failure(row.clip_id, "network", "a feature is not a finite number"))
        else:
            self.rows.append(row)
            self.heartbeat.clip(failed=False)
            self.clip_done()

    def _fail(self, failure: Failure) -> None:
        self.shard.add_failure(failure)
        LOGGER.debug(f"clip {failure.clip_id} failed ({failure.stage}): {failure.reason}")
        self.heartbeat.clip(failed=True)
        self.clip_done()

    def _write(self) -> None:
        if self.rows:
            rows, self.rows = self.rows, []
            self.shard.write_part(rows, {row.clip_id: self.files.pop(row.clip_id) for row in rows})
