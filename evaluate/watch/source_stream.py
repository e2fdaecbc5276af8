"""One watched source: its mailbox, its segments and its episode, and the events that its messages lead to."""

import time
from collections.abc import Iterator
from dataclasses import replace

from evaluate.watch.episode import Episode
from evaluate.watch.events import Event, Picture, Prediction, SourceEnded, SourceNotice, shown_name
from evaluate.watch.mailbox import Ended, FrameArrived, JointsArrived, Mailbox, Message, Noticed, PictureArrived
from evaluate.watch.segment import Segment
from evaluate.watch.skeleton_segments import SkeletonSegments
from evaluate.watch.video_segments import VideoSegments


class SourceStream:
    """What belongs to one source alone.

    Args:
        source: as the user gave it.
        mailbox: gets its messages.
        segments: makes its segments.
        episode: the first one.
        classes: the names of the classes.
    """

    def __init__(
        self,
        source: str,
        mailbox: Mailbox,
        segments: VideoSegments | SkeletonSegments,
        episode: Episode,
        classes: tuple[str, ...],
    ) -> None:
        self.source = source
        self.name = shown_name(source)
        self.mailbox = mailbox
        self.segments = segments
        self.episode = episode
        self.classes = classes
        self._last = -1  # the number of the last segment
        self._dropped = 0  # frames since the last prediction

    def take(self) -> Message | None:
        """Return the next message; None: there is none yet. The caller holds the condition of the mailbox."""
        if (message := self.mailbox.take()) is not None:
            self._dropped += self.mailbox.take_dropped()
        return message

    def restart(self) -> None:
        """Let everything start anew with the next frame."""
        self.segments.restart()
        self._begin()

    def react(self, message: Message) -> Iterator[Event]:
        """Yield what a message of the source leads to."""
        match message:
            case FrameArrived() | JointsArrived():
                if isinstance(message, JointsArrived) and isinstance(self.segments, SkeletonSegments):
                    message = replace(message, begins=message.begins or self.segments.jump(message))
                if message.begins and self._last >= 0:
                    yield SourceNotice(self.name, f"everything starts anew: {message.begins}")
                if message.begins:
                    self._begin()
                for segment in self._complete(message):
                    yield self._predict(segment)
            case PictureArrived():
                yield Picture(self.name, message.time, message.frame)
            case Noticed():
                yield SourceNotice(self.name, shown_name(message.sentence))
            case Ended():
                if not message.reason and not self.episode.number and not self.episode.level:
                    yield SourceNotice(self.name, "it ended before a segment was complete")
                yield SourceEnded(self.name, shown_name(message.reason))

    def _complete(self, message: FrameArrived | JointsArrived) -> Iterator[Segment]:
        if isinstance(self.segments, VideoSegments):
            assert isinstance(message, FrameArrived)
            return self.segments.add(message)
        assert isinstance(message, JointsArrived)
        return self.segments.add(message)

    def _predict(self, segment: Segment) -> Prediction:
        if self.episode.is_over:
            self.episode = self.episode.next()
        episode = self.episode
        episode.add(segment)
        if episode.is_over and isinstance(self.segments, VideoSegments):
            self.segments.begin_episode()  # before the next frame
        skipped, self._last = segment.number - self._last - 1, segment.number
        dropped, self._dropped = self._dropped, 0
        return Prediction(
            source=self.name,
            episode=episode.number,
            level=episode.level,
            time=segment.time,
            classes=self.classes,
            probabilities=episode.probabilities[-1],
            decision=episode.decision(self.classes),
            is_new=episode.decided == episode.level,
            age=time.monotonic() - segment.captured,
            dropped=dropped,
            missing=segment.missing,
            skipped=skipped,
        )

    def _begin(self) -> None:
        """Begin an episode."""
        if self.episode.level:
            self.episode = self.episode.next()
        self._last = -1
