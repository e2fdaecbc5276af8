"""`Watcher`: a trained model that decides while an action is still going on, in one or several live streams.

The streams share the networks, one segment at a time. Each has a mailbox, an assembler of segments and an episode of
its own, so nothing of one source gets into another.
"""

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

from common.errors import UserError
from distill.model_description import segment_seconds
from evaluate.decisions.decision_maker import DecisionMaker
from evaluate.live.model_rule import decision_maker_of
from evaluate.live.model_step import ModelStep
from evaluate.live.recogniser import load_networks
from evaluate.live.stream_network import StreamNetwork
from evaluate.live.trained_model import TrainedModel, find_model
from evaluate.watch.episode import Episode
from evaluate.watch.events import Event, shown_name
from evaluate.watch.feeder import FeedTask
from evaluate.watch.feeder_process import FeederProcess
from evaluate.watch.feeds import feed_of
from evaluate.watch.mailbox import Ended, Mailbox, Message
from evaluate.watch.skeleton_lines import SkeletonLines
from evaluate.watch.skeleton_segments import SkeletonSegments, joints_of_features
from evaluate.watch.source_stream import SourceStream
from evaluate.watch.video_segments import SegmentFeature, VideoSegments, WholeSegment
from evaluate.watch.watch_settings import WatchSettings
from extract.networks.frame_stream import FrameStream, takes_single_frames
from extract.networks.geometry import Geometry
from extract.skeletons.joint_list import KINECT_CENTRES

STANDARD_INPUT = "-"
WAITING_SEGMENTS = 2  # of which the frames may wait for the network
WAITING_JOINTS = 3000  # frames of a skeleton stream: some minutes, in some megabytes


class _Reader(Protocol):
    def close(self) -> None: ...


class Watcher:
    """A trained model with its backbone, for live streams. `Watcher.load` makes one.

    Args:
        model: the files of the model.
        weights: the file of weights of the backbone, if it is not near the model.
        device: of the backbone: "auto", "cpu", "cuda" or "cuda:1".
        decision_maker: None: the rule that is stored with the model, or else a threshold of confidence.

    Raises:
        UserError: the model has several streams or sees the future, or something of it is missing.

    Attributes:
        classes: the names of the classes, in the order of the probabilities.
        num_segments: N, the segments of an episode.
        segment_seconds: how long a segment of the model lasts; None: N segments shared the length of each recording.
        summary: which method and seeds are used, in words.
        decision_maker: what decides on the probabilities.
    """

    def __init__(
        self,
        model: TrainedModel,
        weights: Path | None = None,
        device: str = "auto",
        decision_maker: DecisionMaker | None = None,
    ) -> None:
        names = {name for network in model.description.networks for name in network.streams}
        if len(names) > 1:
            raise UserError(
                f"the model takes the streams {', '.join(sorted(names))} together; live sources have one stream each, "
                "so choose a model of one stream"
            )
        self.classes = model.description.classes
        self.num_segments = model.description.num_segments
        self.segment_seconds = segment_seconds(model.description)
        self.summary = model.summary
        self.decision_maker = decision_maker_of(model) if decision_maker is None else decision_maker
        self._step = ModelStep(load_networks(model), tuple(names)).eval()
        self._stream = StreamNetwork(names.pop(), model, weights, device, segments_at_once=1)
        network = self._stream.network
        if self._stream.poses:
            raise UserError(
                f"{self.summary}: the joints in live video are not found here; make a model of skeletons, and send "
                "those of the stream as lines of JSON"
            )
        self._frame_stream = FrameStream.open(network) if takes_single_frames(network.backbone) else None
        self._feature_dim = model.description.networks[0].feature_dim
        self._moved = threading.Condition()
        self._resets: set[str] = set()

    @classmethod
    def load(
        cls,
        model: str | Path,
        *,
        method: str | None = None,
        seed: int | None = None,
        weights: str | Path | None = None,
        device: str = "auto",
        decision_maker: DecisionMaker | None = None,
    ) -> "Watcher":
        """Load a model; the arguments are those of `Recogniser.load` and of this class.

        Raises:
            UserError: there is no such model, or it cannot be used for live streams.
        """
        found = find_model(Path(model), method, seed)
        return cls(found, None if weights is None else Path(weights), device, decision_maker)

    @property
    def input(self) -> str:
        """The kind of sources, "video" or "skeleton"."""
        return self._stream.input

    def reset(self, source: str) -> None:
        """Let everything of a source start anew with its next frame. Another thread may call this."""
        with self._moved:
            self._resets.add(source)

    def watch(
        self,
        sources: Sequence[str],
        settings: WatchSettings = WatchSettings(),
        lines: Iterable[str] | None = None,
    ) -> Iterator[Event]:
        """Yield what happens in the sources, until all of them have ended.

        Args:
            sources: video files, cameras (`camera:0`), URLs and folders that fill up with images; for a model of
                skeletons `-`, the lines of `evaluate.watch.skeleton_lines`.
            settings: how they are watched.
            lines: the lines of the source `-`.

        Raises:
            UserError: a source does not fit to the model or to the settings.
        """
        settings.check()
        self._check(sources, settings)
        with ExitStack() as stack:
            streams = [self._open(source, settings, lines, stack) for source in sources]
            while streams:
                stream, message = self._next(streams)
                if stream.source in self._resets:
                    self._resets.discard(stream.source)
                    stream.restart()
                yield from stream.react(message)
                if isinstance(message, Ended):
                    streams.remove(stream)

    def _check(self, sources: Sequence[str], settings: WatchSettings) -> None:
        if len(set(map(shown_name, sources))) < len(sources):
            raise UserError("a source is given twice, or two differ only in their passwords; give each of them once")
        for source in sources:
            if not source:
                raise UserError("a source has an empty name")
            if (source == STANDARD_INPUT) != (self.input == "skeleton"):
                wanted = "skeletons as lines of JSON, from -" if self.input == "skeleton" else "videos"
                raise UserError(f"{shown_name(source)}: the model takes {wanted}")
            if source == STANDARD_INPUT:
                continue
            if settings.action_seconds is None and self.segment_seconds is None and feed_of(source).live:
                raise UserError(
                    f"{shown_name(source)}: nobody knows how long a live action will be; say how long it usually "
                    "lasts, as with --action-seconds 3"
                )

    def _open(
        self, source: str, settings: WatchSettings, lines: Iterable[str] | None, stack: ExitStack
    ) -> SourceStream:
        seconds = self.segment_seconds
        if settings.action_seconds is not None:
            seconds = settings.action_seconds / self.num_segments
        network, frames = self._stream.network, self._stream.frames_per_segment
        reader: _Reader
        segments: VideoSegments | SkeletonSegments
        if source == STANDARD_INPUT:
            joints, names = network.backbone.joints, self._stream.joint_list
            num_joints = len(names.names) if names else joints_of_features(network, self._feature_dim)
            centre = names.centre if names else KINECT_CENTRES.get(joints or 0, 1)
            segments = SkeletonSegments(network, self.num_segments, seconds, centre, self.segment_seconds is not None)
            mailbox = Mailbox(WAITING_JOINTS, settings.real_time, self._moved)
            reader = SkeletonLines(lines or (), num_joints, names, mailbox)
        else:
            geometry = self._geometry
            segments = VideoSegments(self._segment_feature(), frames, resized=geometry is not None)
            newest_wins = settings.real_time or feed_of(source).live
            mailbox = Mailbox(WAITING_SEGMENTS * frames, newest_wins, self._moved)
            task = FeedTask(
                source,
                self.num_segments,
                frames,
                seconds,
                geometry,
                settings.real_time,
                settings.stall_seconds,
                settings.reconnect_seconds,
                settings.pictures,
            )
            reader = FeederProcess(task, mailbox)
        stack.callback(reader.close)
        episode = Episode(0, self._step, self.decision_maker, self.num_segments)
        return SourceStream(source, mailbox, segments, episode, self.classes)

    def _segment_feature(self) -> SegmentFeature:
        return self._frame_stream.another() if self._frame_stream else WholeSegment(self._stream.network)

    @property
    def _geometry(self) -> Geometry | None:
        """The size that the feeders give to frames; None: the network resizes them on a GPU."""
        preprocess = self._stream.network.backbone.preprocess
        return preprocess.geometry if self._frame_stream and preprocess else self._stream.network.geometry

    def _next(self, streams: list[SourceStream]) -> tuple[SourceStream, Message]:
        """Wait for a message. The streams take turns."""
        with self._moved:
            while True:
                for place, stream in enumerate(streams):
                    if (message := stream.take()) is not None:
                        streams.append(streams.pop(place))
                        return stream, message
                self._moved.wait()
