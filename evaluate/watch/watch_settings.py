"""How sources are watched: `WatchSettings`."""

import math
from dataclasses import dataclass

from common.errors import UserError


@dataclass(frozen=True)
class WatchSettings:
    """How sources are watched.

    Attributes:
        action_seconds: how long an action lasts; the N segments of an episode share it. None: the segments last as long
            as in the training. If they had no fixed time there, each source is a file, or a recording whose number of
            frames is given, and its N segments share its whole length.
        real_time: play files in real time; else as fast as the network is, and nothing is dropped.
        stall_seconds: a live source without a frame for so long counts as broken off.
        reconnect_seconds: how long such a source is tried again.
        pictures: yield the frames for people too.
    """

    action_seconds: float | None = None
    real_time: bool = True
    stall_seconds: float = 10.0
    reconnect_seconds: float = 600.0
    pictures: bool = False

    def check(self) -> None:
        """Refuse times that are no lengths of time.

        Raises:
            UserError: naming the time.
        """
        if self.action_seconds is not None and not 0 < self.action_seconds < math.inf:
            raise UserError(f"an action must last some seconds, not {self.action_seconds}")
        if not 0 < self.stall_seconds < math.inf:
            raise UserError(f"a live source must be left after some seconds, not {self.stall_seconds}")
