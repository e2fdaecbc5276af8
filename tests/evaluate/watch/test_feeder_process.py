"""The process of a source: its messages arrive, it ends when it is told, and a crash is a sentence."""

import threading
from collections.abc import Callable
from pathlib import Path

from evaluate.watch.feeder import FeedTask
from evaluate.watch.feeder_process import FeederProcess
from evaluate.watch.mailbox import Ended, FrameArrived, Mailbox, Message

SECONDS = 60.0  # at most, also on a busy machine


def collect(mailbox: Mailbox, condition: threading.Condition, until: Callable[[Message], bool]) -> list[Message]:
    found: list[Message] = []
    with condition:
        while not found or not until(found[-1]):
            message = mailbox.take()
            if message is not None:
                found.append(message)
            else:
                assert condition.wait(SECONDS), f"nothing came after {found}"
    return found


def open_process(file: Path, real_time: bool) -> tuple[FeederProcess, Mailbox, threading.Condition]:
    condition = threading.Condition()
    mailbox = Mailbox(4, real_time, condition)
    return FeederProcess(FeedTask(str(file), 5, 2, None, None, real_time), mailbox), mailbox, condition


def test_messages_arrive_in_order(draw_video: Callable[..., Path]) -> None:
    process, mailbox, condition = open_process(draw_video("a.avi", 43), real_time=False)
    *frames, end = collect(mailbox, condition, lambda message: isinstance(message, Ended))
    process.close()
    assert end == Ended("")
    assert all(isinstance(frame, FrameArrived) and frame.frame.shape == (48, 64, 3) for frame in frames)
    places = [place for frame in frames if isinstance(frame, FrameArrived) for place in frame.places]
    assert places == list(range(10))
    assert process._process.returncode is not None and not process._thread.is_alive()


def test_closing_ends_the_process_at_once(draw_video: Callable[..., Path]) -> None:
    process, mailbox, condition = open_process(draw_video("long.avi", 300), real_time=True)
    collect(mailbox, condition, lambda message: isinstance(message, FrameArrived))
    process.close()
    assert process._process.returncode is not None and not process._thread.is_alive()


def test_a_killed_process_is_a_sentence(draw_video: Callable[..., Path]) -> None:
    process, mailbox, condition = open_process(draw_video("long.avi", 300), real_time=True)
    collect(mailbox, condition, lambda message: isinstance(message, FrameArrived))
    process._process.kill()
    *_, end = collect(mailbox, condition, lambda message: isinstance(message, Ended))
    process.close()
    assert end == Ended("the process that reads it crashed (exit status -9)")
