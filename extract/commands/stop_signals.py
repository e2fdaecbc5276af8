"""Let a scheduler's signals stop a run after the current clip."""

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator

import typer

from common.exits import STOPPED, end_sentence


@contextlib.contextmanager
def stop_signals() -> Iterator[threading.Event]:
    """Give an event that SIGTERM and SIGUSR1 set. A run that they have stopped ends with a sentence and status 143."""
    from extract.shards.run_shards import Stopped

    stop = threading.Event()
    signals = (signal.SIGTERM, signal.SIGUSR1)
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in signals}
    try:
        yield stop
    except Stopped:
        print(end_sentence("stopped"), file=sys.stderr)
        raise typer.Exit(STOPPED) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
