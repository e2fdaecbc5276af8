"""The feeds: one file for each kind of source, and the dict of their entries.

A new kind is a file with an entry, and a line in `FEEDS`. Feeder processes import this, so nothing here loads torch.
"""

from evaluate.watch.feeds.camera import CAMERA
from evaluate.watch.feeds.feed import Feed
from evaluate.watch.feeds.growing_folder import GROWING_FOLDER
from evaluate.watch.feeds.network_stream import NETWORK_STREAM
from evaluate.watch.feeds.video_file import VIDEO_FILE

__all__ = ["FEEDS", "Feed", "feed_of"]

FEEDS: dict[str, Feed] = {  # the first that matches is taken
    "camera": CAMERA,
    "file": VIDEO_FILE,
    "stream": NETWORK_STREAM,
    "folder": GROWING_FOLDER,
}


def feed_of(source: str) -> Feed:
    """Return the feed that reads a source."""
    return next(feed for feed in FEEDS.values() if feed.matches(source))
