"""New decisions are posted; a server that fails or is slow delays nothing."""

import gc
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from common.errors import UserError
from evaluate.watch.events import Decided, Prediction, SourceEnded
from evaluate.watch.outputs import Webhook, webhook

NEW = Prediction(
    "cam", 0, 2, 1.5, ("wave", "clap"), np.array([0.25, 0.75], np.float32), Decided("clap", 0.75, 2, 1.5), True, 0.1
)
OLD = Prediction("cam", 0, 3, 2.0, ("wave", "clap"), NEW.probabilities, NEW.decision, False, 0.1)


class Receiver(BaseHTTPRequestHandler):
    received: list[dict[str, object]] = []  # noqa: RUF012  one server in a test
    status = 200
    may_answer = threading.Event()

    def do_POST(self) -> None:
        self.may_answer.wait(30)
        self.received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(Receiver, "received", [])
    monkeypatch.setattr(Receiver, "may_answer", threading.Event())
    Receiver.may_answer.set()
    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as own:
        threading.Thread(target=own.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{own.server_port}/decisions"
        own.shutdown()


def test_new_decisions_are_posted(server: str) -> None:
    notices: list[str] = []
    output = Webhook(server, notices.append)
    for event in (OLD, NEW, SourceEnded("cam", "")):
        output.show(event)
    output.close()
    assert [body["decision"] for body in Receiver.received] == [NEW.decision._asdict() if NEW.decision else None]
    assert not notices


def test_a_server_that_refuses_is_a_notice(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Receiver, "status", 500)
    notices: list[str] = []
    output = Webhook(server, notices.append)
    output.show(NEW)
    output.close()
    (notice,) = notices
    assert notice.startswith("a decision was not sent to the web server: HTTP Error 500")


def test_a_slow_server_delays_nothing(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "WAITING", 3)
    Receiver.may_answer.clear()
    notices: list[str] = []
    output = Webhook(server, notices.append)
    for _ in range(6):
        output.show(NEW)  # it would wait for ever here
    assert 2 <= len(notices) <= 3 and "3 others wait" in notices[0]
    Receiver.may_answer.set()
    output.close()
    assert 3 <= len(Receiver.received) <= 4


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # urllib leaves its socket open
def test_a_server_that_sends_garbage_is_a_notice_and_the_next_decision_is_sent() -> None:
    notices: list[str] = []

    def answer(server: socket.socket) -> None:
        for _ in range(2):
            connection, _ = server.accept()
            requests.append(connection.recv(1 << 16))
            connection.sendall(b"\x00 garbage\r\n\r\n")
            connection.close()

    requests: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=answer, args=(server,), daemon=True).start()
        output = Webhook(f"http://me:p%40ss@127.0.0.1:{server.getsockname()[1]}/x", notices.append)
        output.show(NEW)
        output.show(NEW)
        output.close()
    gc.collect()
    assert len(notices) == 2 and all("was not sent to the web server" in notice for notice in notices)
    assert "p@ss" not in "".join(notices) and b"Authorization: Basic bWU6cEBzcw==" in requests[0]


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "http://", "http://host:x/", "host/x", "http://me:secret@host:0"]
)
def test_another_kind_of_url_is_refused(url: str) -> None:
    with pytest.raises(UserError, match="give a URL that begins with http") as error:
        Webhook(url, print)
    assert "secret" not in str(error.value)
