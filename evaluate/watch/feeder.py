"""The feeder, a process that reads one source: it decodes, picks the frames that the network sees, and resizes them.

A source may hang or crash a decoder, so it has a process of its own, which dies with its parent. It reads its task, a
line of JSON, from stdin, and writes messages to stdout:

- a frame: `places`, `time` and `captured` as in `evaluate.watch.picks`, and `begins` where everything starts anew
- `picture`: a frame for people, at `time`, if the task asks for these
- `notice`: a sentence
- `alive`: a sign of life, where nothing else is sent for a second
- `end`: the last message; its `reason` is "" if the source has ended by itself
"""

import contextlib
import ctypes
import json
import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from evaluate.watch.feeds import feed_of
from evaluate.watch.feeds.feed import Feed, ServerStopped
from evaluate.watch.feeds.video_file import as_local
from evaluate.watch.messages import Sender
from evaluate.watch.picks import LiveFrame, Pick, pick_by_time, pick_known_length
from extract.clip import DecodeError
from extract.decoding.decoders import DECODERS
from extract.decoding.resize_frame import FrameResizer
from extract.networks.geometry import Geometry

LONGEST_WAIT = 30.0  # seconds between two attempts to connect
WIDEST = 640  # pixels of a picture for people
LONGEST_REASON = 1000  # characters


@dataclass(frozen=True)
class FeedTask:
    """What a feeder does.

    Attributes:
        source: as the user gave it.
        num_segments: N.
        frames_per_segment: F.
        segment_seconds: how long a segment lasts; None: N segments share the file, whose length is known.
        geometry: the size that the network sees; None: the frames keep their own.
        real_time: play a recording in real time, and not as fast as its frames are taken.
        stall_seconds: see `Feed.frames`.
        reconnect_seconds: how long a live source that broke off is tried again; 0: not at all, and a stream that its
            server ends has ended.
        pictures: send frames for people too.
    """

    source: str
    num_segments: int
    frames_per_segment: int
    segment_seconds: float | None
    geometry: Geometry | None
    real_time: bool = True
    stall_seconds: float = 10.0
    reconnect_seconds: float = 600.0
    pictures: bool = False


def main(parent: int) -> None:
    """Read the task from stdin, and send messages until the source ends or the parent does."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # sent to all processes of a terminal or a job
        signal.signal(number, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: die with the parent, even if it is killed
    if os.getppid() != parent:
        return
    out = os.fdopen(os.dup(1), "wb")  # what libraries print must not get into the messages
    os.dup2(2, 1)
    values = json.loads(sys.stdin.readline())
    geometry = Geometry(**values.pop("geometry")) if values["geometry"] else values.pop("geometry")
    with contextlib.suppress(BrokenPipeError):
        send(FeedTask(**values, geometry=geometry), out)


def send(task: FeedTask, out: BinaryIO) -> None:
    """Send the messages of a source, from the first to its end."""
    reason, sender = "", Sender(out)
    try:
        with as_local(task.source, sender.alive) as source:
            _send_frames(replace(task, source=source), sender)
    except DecodeError as error:
        reason = str(error)
    except BrokenPipeError:
        raise
    except Exception as error:  # any error ends this source, and never the others
        reason = f"{type(error).__name__}: {error}"
    sender.send({"end": True, "reason": reason[:LONGEST_REASON]})


def _send_frames(task: FeedTask, sender: Sender) -> None:
    resize = FrameResizer(task.geometry) if task.geometry else None
    for pick in _picks(task, sender):
        frame = pick.frame.convert()
        header = {"places": [pick.places.start, pick.places.stop], "time": pick.frame.time}
        header |= {"captured": pick.frame.captured, "begins": pick.begins}
        sender.send(header, frame if resize is None else resize(frame))


def _picks(task: FeedTask, sender: Sender) -> Iterator[Pick]:
    feed = feed_of(task.source)
    frames = _live(feed, task, sender) if feed.live else _recorded(feed, task, sender)
    if task.pictures:
        frames = _with_pictures(frames, sender)
    if task.segment_seconds is not None:
        return pick_by_time(frames, task.segment_seconds, task.frames_per_segment)
    if feed.live:
        raise DecodeError("its length is not known; say how long an action lasts")
    packets = 0
    for counted in DECODERS["pyav"].count(Path(task.source)):
        packets = counted.packets
        sender.alive()
    return pick_known_length(frames, packets, task.num_segments, task.frames_per_segment)


def _recorded(feed: Feed, task: FeedTask, sender: Sender) -> Iterator[LiveFrame]:
    """Yield the frames of a recording, each at its time."""
    begin: tuple[float, float] | None = None
    notice = sender.notice if task.segment_seconds is not None else _refuse  # else places would be of other frames
    for frame in feed.frames(task.source, task.stall_seconds, notice):
        now = time.monotonic()
        if begin is None:
            begin = now, frame.time
        elif task.real_time:
            sender.sleep(begin[0] + frame.time - begin[1] - now)
        sender.alive()
        yield LiveFrame(frame.time, time.monotonic(), frame.convert)


def _live(feed: Feed, task: FeedTask, sender: Sender) -> Iterator[LiveFrame]:
    """Yield the frames of a live source, which is opened again when it breaks off."""
    seen, lost_at, wait = False, time.monotonic(), 1.0
    while True:
        begins = seen
        try:
            for frame in feed.frames(task.source, task.stall_seconds, sender.notice):
                sender.alive()
                yield LiveFrame(frame.time, frame.captured, frame.convert, begins)
                seen, begins, lost_at, wait = True, False, time.monotonic(), 1.0
            return
        except DecodeError as error:
            if isinstance(error, ServerStopped) and not task.reconnect_seconds:
                return
            if not seen or time.monotonic() - lost_at + wait > task.reconnect_seconds:
                raise
            sender.notice(f"broken off: {error}; the next attempt is in {wait:g} s")
        sender.sleep(wait)
        wait = min(2 * wait, LONGEST_WAIT)


def _with_pictures(frames: Iterable[LiveFrame], sender: Sender) -> Iterator[LiveFrame]:
    for frame in frames:
        sender.send({"picture": True, "time": frame.time}, _smaller(frame.convert()))
        yield frame


def _smaller(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = frame.shape[:2]
    if width <= WIDEST:
        return frame
    return np.asarray(Image.fromarray(frame).resize((WIDEST, round(height * WIDEST / width))), np.uint8)


def _refuse(sentence: str) -> None:
    raise DecodeError(f"{sentence}, so its segments are not known")


if __name__ == "__main__":
    main(int(sys.argv[1]))
