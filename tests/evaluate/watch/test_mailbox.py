"""The mailbox is bounded: the newest frames win, or the sender waits."""

import threading

import numpy as np

from evaluate.watch.mailbox import Ended, FrameArrived, Mailbox, Message, Noticed, PictureArrived

PIXELS = np.zeros((1, 1, 3), np.uint8)


def frame(number: int, begins: str = "") -> FrameArrived:
    return FrameArrived(range(number, number + 1), float(number), 0.0, begins, PIXELS)


def taken(mailbox: Mailbox, condition: threading.Condition) -> list[Message]:
    found = []
    with condition:
        while (message := mailbox.take()) is not None:
            found.append(message)
    return found


def test_the_newest_frames_win() -> None:
    condition = threading.Condition()
    mailbox = Mailbox(3, True, condition)
    mailbox.put(Noticed("a sentence"))
    for number in range(10):
        mailbox.put(frame(number))
        mailbox.put(PictureArrived(float(number), PIXELS))
    mailbox.put(Ended(""))
    found = taken(mailbox, condition)
    assert [message.time for message in found if isinstance(message, FrameArrived)] == [7, 8, 9]
    assert [message.time for message in found if isinstance(message, PictureArrived)] == [7, 8, 9]
    assert isinstance(found[0], Noticed) and isinstance(found[-1], Ended)
    assert (mailbox.take_dropped(), mailbox.take_dropped()) == (7, 0)


def test_a_beginning_is_not_lost_with_its_frame() -> None:
    condition = threading.Condition()
    mailbox = Mailbox(2, True, condition)
    for number in range(5):
        mailbox.put(frame(number, begins="the stream begins" if number == 0 else ""))
    found = taken(mailbox, condition)
    assert [(message.time, message.begins) for message in found if isinstance(message, FrameArrived)] == [
        (3, "the stream begins"),
        (4, ""),
    ]


def test_a_later_beginning_hides_an_earlier_one() -> None:
    condition = threading.Condition()
    mailbox = Mailbox(2, True, condition)
    for number, begins in enumerate(["the stream begins", "", "its clock jumped", ""]):
        mailbox.put(frame(number, begins))
    found = taken(mailbox, condition)
    assert [message.begins for message in found if isinstance(message, FrameArrived)] == ["its clock jumped", ""]


def test_a_sender_waits_where_nothing_may_be_dropped() -> None:
    condition = threading.Condition()
    mailbox = Mailbox(2, False, condition)
    sender = threading.Thread(target=lambda: [mailbox.put(frame(number)) for number in range(20)])
    sender.start()
    found: list[Message] = []
    with condition:
        while len(found) < 20:
            condition.wait_for(lambda: bool(mailbox._waiting), timeout=10)
            assert len(mailbox._waiting) <= 2
            found.append(mailbox.take() or Ended("nothing came"))
    sender.join(10)
    assert [message.time for message in found if isinstance(message, FrameArrived)] == list(range(20))
    assert mailbox.take_dropped() == 0


def test_closing_lets_a_waiting_sender_go() -> None:
    condition = threading.Condition()
    mailbox = Mailbox(1, False, condition)
    sender = threading.Thread(target=lambda: [mailbox.put(frame(number)) for number in range(3)])
    sender.start()
    mailbox.close()
    sender.join(10)
    assert not sender.is_alive() and taken(mailbox, condition) == []
