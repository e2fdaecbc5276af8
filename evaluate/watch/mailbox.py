"""What arrives from a source, and the mailbox in which it waits for the network.

A mailbox is bounded. Where a live stream is faster than the network, its oldest frames are dropped, so a prediction is
always made from the newest ones. Where nothing may be dropped, the sender waits.
"""

import threading
from collections import deque
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class FrameArrived:
    """A frame of a video that the network sees; the attributes are those of `evaluate.watch.picks`."""

    places: range
    time: float
    captured: float
    begins: str
    frame: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class JointsArrived:
    """A frame of a skeleton stream.

    Attributes:
        time: in seconds; None: the stream gives none.
        captured: when it arrived, in seconds of `time.monotonic`.
        begins: why everything starts anew with this frame; "": it goes on.
        bodies: (persons, joints, 3) float32, metres; NaN where a person is not seen.
        num_frames: of the recording that begins here, if that is known.
        centre: the number of the joint in the middle of the body, if the stream says it.
    """

    time: float | None
    captured: float
    begins: str
    bodies: NDArray[np.float32]
    num_frames: int | None = None
    centre: int | None = None


@dataclass(frozen=True, eq=False)
class PictureArrived:
    """A frame for people, (H, W, 3) uint8, at `time` of the stream."""

    time: float
    frame: NDArray[np.uint8]


@dataclass(frozen=True)
class Noticed:
    """A sentence about the source."""

    sentence: str


@dataclass(frozen=True)
class Ended:
    """Nothing follows. The reason is "" if the source has ended by itself."""

    reason: str


Message = FrameArrived | JointsArrived | PictureArrived | Noticed | Ended


class Mailbox:
    """The messages of one source, in order.

    Args:
        limit: frames and pictures that may wait; of each the same number.
        newest_wins: drop the oldest one if there is no room; else the sender waits.
        arrived: is notified of every message, and of every message that was taken.
    """

    def __init__(self, limit: int, newest_wins: bool, arrived: threading.Condition) -> None:
        self._limit = limit
        self._newest_wins = newest_wins
        self._arrived = arrived
        self._waiting: deque[Message] = deque()
        self._dropped = 0
        self._closed = False

    def put(self, message: Message) -> None:
        """Add a message. It may wait for room; in a closed mailbox it is lost."""
        with self._arrived:
            kind = type(message)
            if not self._newest_wins:
                self._arrived.wait_for(lambda: self._closed or self._number_of(kind) < self._limit)
            elif self._number_of(kind) >= self._limit:
                self._drop_oldest(kind)
            if not self._closed:
                self._waiting.append(message)
            self._arrived.notify_all()

    def take(self) -> Message | None:
        """Return the next message; None: there is none yet. The caller holds the condition."""
        message = self._waiting.popleft() if self._waiting else None
        self._arrived.notify_all()
        return message

    def take_dropped(self) -> int:
        """Return how many frames were dropped since the last call."""
        dropped, self._dropped = self._dropped, 0
        return dropped

    def close(self) -> None:
        """Forget what is waiting, and let nobody wait for room."""
        with self._arrived:
            self._closed = True
            self._waiting.clear()
            self._arrived.notify_all()

    def _number_of(self, kind: type[Message]) -> int:
        return sum(type(message) is kind for message in self._waiting)

    def _drop_oldest(self, kind: type[Message]) -> None:
        """Drop the oldest message of a kind. If everything starts anew with it, it does with the next one instead."""
        place = next(index for index, message in enumerate(self._waiting) if type(message) is kind)
        oldest = self._waiting[place]
        del self._waiting[place]
        if isinstance(oldest, FrameArrived | JointsArrived):
            self._dropped += 1
            if oldest.begins:
                self._hand_on(oldest.begins, kind)

    def _hand_on(self, reason: str, kind: type[Message]) -> None:
        for index, message in enumerate(self._waiting):
            if type(message) is kind and isinstance(message, FrameArrived | JointsArrived):
                if not message.begins:
                    self._waiting[index] = replace(message, begins=reason)
                return
