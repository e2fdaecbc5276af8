"""A video file as a feed: it is played in real time, as if it came from a camera.

A file on a server is copied to local scratch first. FFmpeg needs a server that can send parts of a file to read an MP4
whose index is at its end, and with others it waits for ever or loses the first second (PyAV 18.1 with FFmpeg 8.1).
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import av

from evaluate.watch.feeds.feed import Feed, Notice, decoded
from evaluate.watch.picks import LiveFrame
from extract.clip import DecodeError
from extract.decoding.video_file import open_video
from extract.sources.fetch import FetchError, Scratch
from extract.sources.location import is_url
from manifests.file_kinds import VIDEO_SUFFIXES, suffix_of

WITHOUT_END = (".flv", ".ts")  # over HTTP such a stream may be a live one
RECORDINGS = tuple(suffix for suffix in VIDEO_SUFFIXES if suffix not in WITHOUT_END)


class VideoFileFeed(Feed):
    """A video file, local or on a server."""

    def matches(self, source: str) -> bool:
        """See `Feed.matches`."""
        return _is_remote(source) or not (is_url(source) or Path(source).is_dir() or source.startswith("camera:"))

    def frames(self, source: str, stall_seconds: float, notice: Notice) -> Iterator[LiveFrame]:
        """See `Feed.frames`. The file is a local one, see `as_local`."""
        with open_video(Path(source)) as (container, stream):
            try:
                yield from decoded(container, stream, notice)
            except av.FFmpegError as error:
                raise DecodeError(f"it is damaged: {error.strerror}") from error


@contextlib.contextmanager
def as_local(source: str, alive: Callable[[], None]) -> Iterator[str]:
    """Give the local copy of a file on a server. Other sources stay as they are.

    Args:
        source: as the user gave it.
        alive: is called after every read.

    Raises:
        DecodeError: the file cannot be copied.
    """
    if not _is_remote(source):
        yield source
        return
    with contextlib.closing(Scratch()) as scratch, contextlib.ExitStack() as stack:
        try:
            copy = stack.enter_context(scratch.fetched(source, 0, 0, source.partition("?")[0], alive))
        except FetchError as error:
            raise DecodeError(str(error)) from error
        yield str(copy)


def _is_remote(source: str) -> bool:
    """Tell whether a source is a file on a server: a URL that a live stream does not have."""
    protocol, _, rest = source.partition("://")
    return bool(rest) and not protocol.startswith("rt") and suffix_of(rest.partition("?")[0], RECORDINGS) != ""


VIDEO_FILE = VideoFileFeed("a video file, played in real time", live=False)
