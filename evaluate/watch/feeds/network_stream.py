"""A stream from the network as a feed: RTSP, HLS, HTTP and whatever else FFmpeg opens by a URL.

Files on a server are in `video_file`. Two traps were found by trials (PyAV 18.1 with FFmpeg 8.1). The option
`nobuffer`, which many recommend for live streams, throws away the packets that were read to recognise the stream, so a
video loses its first frames. A HLS playlist that does not grow any more ends without an error, as a finished one.
"""

import urllib.error
import urllib.request
from collections.abc import Iterator

import av

from evaluate.watch.feeds.feed import Feed, Notice, ServerStopped, decoded
from evaluate.watch.picks import LiveFrame
from extract.clip import DecodeError
from extract.sources.location import is_url

LIST_END = b"#EXT-X-ENDLIST"
LARGEST_LIST = 1 << 22  # bytes of a playlist
OPTIONS = {"rtsp": {"rtsp_transport": "tcp"}}  # UDP loses packets


class NetworkStreamFeed(Feed):
    """A URL."""

    def matches(self, source: str) -> bool:
        """See `Feed.matches`."""
        return is_url(source)

    def frames(self, source: str, stall_seconds: float, notice: Notice) -> Iterator[LiveFrame]:
        """See `Feed.frames`."""
        protocol = source.partition("://")[0].lower()
        try:
            with av.open(source, options=OPTIONS.get(protocol, {}), timeout=stall_seconds) as container:
                if not container.streams.video:
                    raise DecodeError("there is no video stream in it")
                yield from decoded(container, container.streams.video[0], notice, stall_seconds)
        except (av.FFmpegError, OSError) as error:
            stalled = isinstance(error, av.error.ExitError | TimeoutError)
            raise DecodeError(f"nothing came for {stall_seconds:g} s" if stalled else describe(error)) from error
        if protocol == "rtsp" or (".m3u8" in source and not _has_ended(source, stall_seconds)):
            raise ServerStopped("the server sends no more")


def describe(error: OSError | av.FFmpegError) -> str:
    """Return what went wrong without the URL, which may contain a password."""
    return str(getattr(error, "strerror", None) or type(error).__name__)


def _has_ended(playlist: str, seconds: float) -> bool:
    """Tell whether a HLS playlist says that nothing will follow."""
    if not playlist.startswith(("http://", "https://")):
        return True
    try:
        with urllib.request.urlopen(playlist, timeout=seconds) as answer:
            return LIST_END in answer.read(LARGEST_LIST)
    except OSError as error:  # URLError is one too
        if isinstance(error, urllib.error.HTTPError):
            error.close()  # it is the answer too, with its connection
        return False


NETWORK_STREAM = NetworkStreamFeed("a stream from the network: rtsp://, http://, …", live=True)
