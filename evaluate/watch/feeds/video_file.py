"""A video file as a feed: it is played in real time, as if it came from a camera."""

from collections.abc import Iterator
from pathlib import Path

import av

from evaluate.watch.feeds.feed import Feed, Notice, decoded
from evaluate.watch.picks import LiveFrame
from extract.clip import DecodeError
from extract.decoding.video_file import open_video
from extract.sources.location import is_url


class VideoFileFeed(Feed):
    """A local video file."""

    def matches(self, source: str) -> bool:
        """See `Feed.matches`."""
        return not is_url(source) and not Path(source).is_dir() and not source.startswith("camera:")

    def frames(self, source: str, stall_seconds: float, notice: Notice) -> Iterator[LiveFrame]:
        """See `Feed.frames`."""
        with open_video(Path(source)) as (container, stream):
            try:
                yield from decoded(container, stream, notice)
            except av.FFmpegError as error:
                raise DecodeError(f"it is damaged: {error.strerror}") from error


VIDEO_FILE = VideoFileFeed("a video file, played in real time", live=False)
