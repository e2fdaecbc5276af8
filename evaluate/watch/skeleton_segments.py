"""The segments of a stream of skeletons: the feature of each one as soon as its frames are there."""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from common.errors import UserError
from evaluate.watch.mailbox import JointsArrived
from evaluate.watch.picks import DISORDER_SECONDS, GAP_SECONDS
from evaluate.watch.segment import Segment
from evaluate.watch.skeleton_lines import MOST_FRAMES
from extract.clip import Clip
from extract.networks.segment_network import SegmentNetwork
from extract.segments import segment_bounds
from extract.skeletons.segment_points import observed_segment, pack_points
from extract.skeletons.skeleton import Skeleton

ROUNDING = 1e-6  # seconds, of times that are decimal numbers
KINECT_JOINTS = 25


def joints_of_features(network: SegmentNetwork, dimension: int) -> int | None:
    """Return of how many joints features are made that have D numbers; None: D does not depend on the joints.

    Args:
        network: the backbone.
        dimension: D.

    Raises:
        UserError: no number of joints gives D numbers.
    """

    def length(joints: int) -> int:
        nobody = np.zeros((1, 1, joints, 3), np.float32)
        return int(network(Clip(*pack_points([(nobody, nobody)]), 1)).shape[1])

    if network.backbone.joints is not None:
        return network.backbone.joints
    of_one = length(2) - length(1)
    if of_one == 0:
        return None
    joints, rest = divmod(dimension - length(1), of_one)
    if rest or joints < 0:
        raise UserError(f"the model takes features of {dimension} numbers, and no number of joints gives as many")
    return joints + 1


class SkeletonSegments:
    """The segments of one stream of skeletons.

    Args:
        network: the backbone.
        num_segments: N.
        segment_seconds: how long a segment lasts; None: each recording must say how many frames it has.
        centre: the number of the joint in the middle of the body.
        timed: the model has learnt from segments of a fixed time, so the number of frames of a recording does not
            matter.

    Raises:
        UserError: the network chooses the actors from the whole recording.
    """

    def __init__(
        self,
        network: SegmentNetwork,
        num_segments: int,
        segment_seconds: float | None,
        centre: int,
        timed: bool = False,
    ) -> None:
        if network.backbone.legacy_sequence_actors:
            raise UserError("the model's features depend on the whole recording (legacy_sequence_actors)")
        self._network = network
        self._num_segments = num_segments
        self._seconds = segment_seconds
        self._centre = centre
        self._timed = timed
        self.restart()

    def restart(self) -> None:
        """Forget all frames."""
        self._frames: list[JointsArrived] = []  # since the beginning of the recording, or of the last N segments
        self._number = 0  # of the segment that is not complete yet
        self._first = 0  # its first frame
        self._begin: float | None = None  # the time at which the recording began
        self._interval = math.inf  # the shortest one between two frames so far
        self._latest: float | None = None  # the time of the last frame

    def jump(self, arrived: JointsArrived) -> str:
        """Return why everything starts anew with a frame, because of its time; "": it goes on."""
        if self._counts(arrived) or arrived.begins or arrived.time is None or self._latest is None:
            return ""
        passed = arrived.time - self._latest
        goes_on = -DISORDER_SECONDS <= passed <= max(GAP_SECONDS, self._seconds or 0)
        return "" if goes_on else f"its clock jumped by {passed:+.1f} s"

    def _counts(self, arrived: JointsArrived) -> bool:
        """Tell whether a frame is of a recording whose length is known; its time does not matter then."""
        if self._timed:
            return False
        of_frame = arrived.num_frames is not None
        return of_frame or (not arrived.begins and bool(self._frames) and self._frames[0].num_frames is not None)

    def add(self, arrived: JointsArrived) -> Iterator[Segment]:
        """Take a frame, and yield the segments that are complete with it.

        A frame that is not later than the one before it is left out.

        Raises:
            UserError: the frame has no time, and the length of the recording is not known.
        """
        if arrived.begins:
            self.restart()
        if arrived.centre is not None:
            self._centre = min(arrived.centre, arrived.bodies.shape[1] - 1)
        if self._counts(arrived):
            yield from self._end_by_count(arrived)
            return
        if self._seconds is None:
            raise UserError(
                "its length is not known; say how long an action lasts (--action-seconds), or give num_frames"
            )
        if arrived.time is None and self._timed:
            raise UserError("a frame has no time; the model's segments last a fixed time, so every frame needs one")
        if arrived.time is None:
            raise UserError("a frame has no time, and without num_frames it needs one")
        if self._begin is None:
            self._begin = arrived.time
        if self._latest is not None and arrived.time <= self._latest:
            return
        yield from self._end_before(arrived.time)
        if not self._frames and arrived.time > self._begin + (self._number + 1) * self._seconds - ROUNDING:
            self._begin = arrived.time - self._number * self._seconds  # nothing came for a while: this row begins now
        if self._latest is not None:
            self._interval = min(self._interval, arrived.time - self._latest)
        self._latest = arrived.time
        self._append(arrived)
        if self._interval < math.inf:  # a segment that ends before the next frame can come has ended
            yield from self._end_before(arrived.time + self._interval)

    def _end_before(self, moment: float) -> Iterator[Segment]:
        """Yield the segments that end until a moment."""
        assert self._begin is not None and self._seconds is not None
        while moment >= self._begin + (self._number + 1) * self._seconds - ROUNDING and self._frames:
            yield self._complete(len(self._frames))
            if self._number % self._num_segments == 0:  # a new row of N segments: what is older is forgotten
                self._frames, self._first = [], 0

    def _append(self, arrived: JointsArrived) -> None:
        if len(self._frames) == MOST_FRAMES:
            raise UserError(f"an action has more than {MOST_FRAMES} frames; choose a smaller --action-seconds")
        self._frames.append(arrived)

    def _end_by_count(self, arrived: JointsArrived) -> Iterator[Segment]:
        """Yield the segments that end with a frame, of a recording whose length is known."""
        total = (self._frames[0] if self._frames else arrived).num_frames or 0
        if len(self._frames) == total:
            return  # more frames than were said: they belong to no segment
        self._append(arrived)
        ends = segment_bounds(total, self._num_segments)[:, 1].tolist()
        while self._number < len(ends) and ends[self._number] == len(self._frames):
            yield self._complete(ends[self._number], int(segment_bounds(total, self._num_segments)[self._number, 0]))

    def _complete(self, end: int, start: int | None = None) -> Segment:
        """Return the current segment, which has the frames up to `end`, and go on to the next one."""
        skeleton = _skeleton(self._frames[:end], self._centre)
        observed = observed_segment(skeleton, self._first if start is None else start, end, end)
        points, stretches = pack_points([observed])
        (features,) = self._network(Clip(points, stretches, end, self._centre))
        last = self._frames[end - 1]
        segment = Segment(self._number, features, last.time or 0.0, last.captured)
        self._number, self._first = self._number + 1, end
        return segment


def _skeleton(frames: Sequence[JointsArrived], centre: int) -> Skeleton:
    """Return frames as a recording. Frames with fewer persons than others get persons who are not seen."""
    persons, num_joints = (max(frame.bodies.shape[axis] for frame in frames) for axis in (0, 1))
    joints = np.full((len(frames), max(persons, 1), num_joints or KINECT_JOINTS, 3), np.nan, np.float32)
    for number, frame in enumerate(frames):
        if len(frame.bodies):
            joints[number, : len(frame.bodies)] = frame.bodies
    tracking = np.where(np.isnan(joints[..., 0]), 0, 2).astype(np.uint8)
    return Skeleton(joints, tracking, ("",) * joints.shape[1], centre)
