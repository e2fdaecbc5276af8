"""The process of a source: its messages arrive, it ends when it is told, and a crash is a sentence."""

import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from evaluate.watch import feeder_process
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
    assert end == Ended("the process that reads it crashed (SIGKILL)")


def test_a_process_that_is_stopped_ends_with_a_sentence(
    draw_video: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeder_process, "SILENT_SECONDS", -8.0)  # and stall_seconds are 10
    process, mailbox, condition = open_process(draw_video("long.avi", 3000), real_time=True)
    collect(mailbox, condition, lambda message: isinstance(message, FrameArrived))
    process._process.send_signal(signal.SIGSTOP)
    *_, end = collect(mailbox, condition, lambda message: isinstance(message, Ended))
    process.close()
    assert end == Ended("the process that reads it gave no sign of life for 2 s")


def test_a_sender_that_waits_for_room_is_no_silent_one(
    draw_video: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeder_process, "SILENT_SECONDS", -9.0)
    process, mailbox, condition = open_process(draw_video("b.avi", 43), real_time=False)
    with condition:
        assert condition.wait_for(lambda: len(mailbox._waiting) == 4, SECONDS)
        condition.wait_for(lambda: process._over.is_set(), 2.5)  # nobody takes a message
    *frames, end = collect(mailbox, condition, lambda message: isinstance(message, Ended))
    process.close()
    assert end == Ended("") and len(frames) == 10


def test_what_is_no_message_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that goes on after that is ended too."""
    original, script = subprocess.Popen, "import time; print('no message', flush=True); time.sleep(600)"

    def other(command: list[str], **options: object) -> object:
        return original([sys.executable, "-c", script], **options)  # type: ignore[call-overload]

    monkeypatch.setattr(feeder_process, "KILL_SECONDS", 0.5)
    monkeypatch.setattr(feeder_process.subprocess, "Popen", other)
    process, mailbox, condition = open_process(Path("a.avi"), real_time=True)
    (end,) = collect(mailbox, condition, lambda message: isinstance(message, Ended))
    process.close()
    assert end == Ended("the process that reads it sent what is no message")
    assert process._process.returncode is not None
