"""The entry of a feed: a kind of source of frames that `watch` reads in a process of its own."""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import av

from evaluate.watch.picks import LiveFrame
from extract.clip import DecodeError
from extract.decoding.rgb_frame import RgbConverter

Notice = Callable[[str], None]
USUAL_RATE = 25  # frames a second, of a stream that gives its frames no time


class ServerStopped(DecodeError):
    """The server of a live stream ended it. It may begin again."""


@dataclass(frozen=True)
class Feed(ABC):
    """A kind of source.

    Attributes:
        title: what it is, in a few words.
        live: it sets its own pace, and is opened again if it breaks off. A recording is played in real time, and ends.
    """

    title: str
    live: bool

    @abstractmethod
    def matches(self, source: str) -> bool:
        """Tell whether a source, as the user gave it, is of this kind."""

    @abstractmethod
    def frames(self, source: str, stall_seconds: float, notice: Notice) -> Iterator[LiveFrame]:
        """Yield the frames of a source as they arrive.

        Args:
            source: as the user gave it.
            stall_seconds: without a frame for so long, the source counts as broken off.
            notice: gets a sentence about what was left out.

        Raises:
            DecodeError: the source cannot be opened, or has broken off.
        """


def decoded(
    container: "av.container.InputContainer", stream: "av.VideoStream", notice: Notice, stall_seconds: float = math.inf
) -> Iterator[LiveFrame]:
    """Yield the frames of an opened stream. Damaged ones are left out.

    Args:
        container: what was opened.
        stream: the one that is shown.
        notice: gets a sentence about damaged frames.
        stall_seconds: see `Feed.frames`; FFmpeg itself notices only that no packet of any stream comes.

    Raises:
        DecodeError: packets come, as of sound, but no frame.
    """
    assert stream.codec_context is not None
    stream.codec_context.thread_count = 1  # several threads would each keep a frame back
    convert, damaged, number, shown = RgbConverter(), 0, 0, time.monotonic()
    for packet in container.demux():  # of all streams: else FFmpeg would wait for pictures as long as sound comes
        frames = _frames(packet) if packet.stream.index == stream.index else []
        damaged += frames is None
        for frame in frames or []:
            if frame.is_corrupt:
                damaged += 1
                continue
            moment = frame.time if frame.time is not None else number / float(stream.average_rate or USUAL_RATE)
            number += 1
            yield LiveFrame(float(moment), time.monotonic(), partial(convert, frame))
            shown = time.monotonic()
        if damaged and frames:
            notice(f"{damaged} damaged frames or packets were left out")
            damaged = 0
        if time.monotonic() - shown > stall_seconds:
            raise DecodeError(f"no picture for {stall_seconds:g} s")
    if damaged:
        notice(f"{damaged} damaged frames or packets were left out at the end")


def _frames(packet: "av.Packet[Any]") -> list[av.VideoFrame] | None:
    """Return the frames of a packet; None: it is damaged."""
    try:
        return [frame for frame in packet.decode() if isinstance(frame, av.VideoFrame)]
    except av.InvalidDataError:
        return None
