"""Decisions sent to a web server as JSON, from a thread of its own, so a slow server delays no stream."""

import base64
import http.client
import json
import queue
import threading
import urllib.error
import urllib.request
from urllib.parse import unquote, urlsplit, urlunsplit

from common.callbacks import Notify
from common.errors import UserError
from evaluate.watch.events import Event, Prediction, shown_name
from evaluate.watch.outputs.json_lines import prediction_fields
from evaluate.watch.outputs.output import Output

WAITING = 100  # decisions that may wait for the server; further ones are lost, and a notice says so
TIMEOUT = 5.0  # seconds for one request
LEAVE_SECONDS = 10.0  # at the end, for what still waits


class Webhook(Output):
    """Posts each new decision to a URL.

    Args:
        url: http:// or https://.
        notify: gets a sentence where a decision could not be sent.

    Raises:
        UserError: the URL is of another kind.
    """

    def __init__(self, url: str, notify: Notify) -> None:
        self._url, self._headers = _without_password(url)
        self._notify = notify
        self._waiting: queue.Queue[bytes | None] = queue.Queue(WAITING)
        self._thread = threading.Thread(target=self._send_all, daemon=True, name="webhook")
        self._thread.start()

    def show(self, event: Event) -> None:
        """See `Output.show`."""
        if isinstance(event, Prediction) and event.is_new:
            try:
                self._waiting.put_nowait(json.dumps(prediction_fields(event)).encode())
            except queue.Full:
                self._notify(f"a decision was not sent: {WAITING} others wait for the web server")

    def close(self) -> None:
        """Send what still waits, for some seconds at most."""
        try:
            self._waiting.put(None, timeout=LEAVE_SECONDS)
        except queue.Full:
            return
        self._thread.join(LEAVE_SECONDS)

    def _send_all(self) -> None:
        while (body := self._waiting.get()) is not None:
            try:
                request = urllib.request.Request(self._url, body, self._headers, method="POST")
                with urllib.request.urlopen(request, timeout=TIMEOUT):
                    pass
            except (OSError, ValueError, http.client.HTTPException) as error:  # HTTPError and URLError are OSErrors
                if isinstance(error, urllib.error.HTTPError):
                    error.close()  # it is the answer too, with its connection
                reason = error.reason if type(error) is urllib.error.URLError else error
                self._notify(f"a decision was not sent to the web server: {str(reason) or type(error).__name__}")


def _without_password(url: str) -> tuple[str, dict[str, str]]:
    """Return a URL without its user and password, and the headers of a request: these are among them."""
    headers = {"Content-Type": "application/json"}
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # of a port that is no number
        known = False
    if not known:
        raise UserError(f"--webhook {shown_name(url)}: give a URL that begins with http:// or https://, and a host")
    user, _, host = parts.netloc.rpartition("@")
    if user:
        headers["Authorization"] = f"Basic {base64.b64encode(unquote(user).encode()).decode()}"
    return urlunsplit(parts._replace(netloc=host, fragment="")), headers
