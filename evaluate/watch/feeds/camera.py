"""A camera of this machine as a feed. FFmpeg's input of the system reads it."""

import re
import sys
from collections.abc import Iterator

import av

from evaluate.watch.feeds.feed import Feed, Notice, decoded
from evaluate.watch.feeds.network_stream import describe
from evaluate.watch.picks import LiveFrame
from extract.clip import DecodeError

PREFIX = "camera:"
INPUTS = {"linux": ("v4l2", "/dev/video{}"), "darwin": ("avfoundation", "{}"), "win32": ("dshow", "video={}")}


class CameraFeed(Feed):
    """`camera:0`, or on Linux `/dev/video0`."""

    def matches(self, source: str) -> bool:
        """See `Feed.matches`."""
        return source.startswith(PREFIX) or re.fullmatch("/dev/video[0-9]+", source) is not None

    def frames(self, source: str, stall_seconds: float, notice: Notice) -> Iterator[LiveFrame]:
        """See `Feed.frames`."""
        name = source.removeprefix(PREFIX).removeprefix("/dev/video")
        kind, pattern = INPUTS.get(sys.platform, INPUTS["linux"])
        try:
            with av.open(pattern.format(name), format=kind, timeout=stall_seconds) as container:
                yield from decoded(container, container.streams.video[0], notice, stall_seconds)
        except (av.FFmpegError, OSError) as error:
            raise DecodeError(f"the camera cannot be read: {describe(error)}") from error


CAMERA = CameraFeed("a camera of this machine, camera:0", live=True)
