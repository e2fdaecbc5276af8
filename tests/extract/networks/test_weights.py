"""Downloads from a server on this machine: resumed, cut, wrong, or not there at all."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from common.errors import UserError
from extract.backbones import BACKBONES
from extract.networks import weights
from extract.networks.weights import download, find_weights, get_weights, verify, weights_folder
from manifests.released_weights import WeightsFile, read_weights

CONTENT = b"PK\x03\x04" + bytes(range(256)) * 4096  # 1 MiB and a little
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves CONTENT; a test sets how."""

    ranges = True
    cut_after: int | None = None
    content = CONTENT

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str | None] = []


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        asked = self.headers["Range"]
        self.server.asked.append(asked)
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and self.server.ranges else 0
        if start >= len(self.server.content):
            self.send_error(416)
            return
        body = self.server.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.server.cut_after])

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(weights, "TIMEOUT", 5.0)
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join(5)
    server.server_close()


def entry_at(server: Server, **changes: object) -> WeightsFile:
    template = read_weights()["tsm-r50-8f-kinetics400"]
    address = f"http://127.0.0.1:{server.server_port}/file.pth"
    return template.model_copy(update={"file": "file.pth", "url": address, **changes})


def test_download_verifies_and_records(server: Server, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    entry = entry_at(server, sha256_prefix=SHA256[:8])
    path = download(entry, tmp_path / "new", progress=lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert path.with_name("file.pth.sha256").read_text() == f"{SHA256}  file.pth\n"
    assert not path.with_name("file.pth.part").exists()
    assert download(entry, tmp_path / "new") == path and len(server.asked) == 1
    path.write_bytes(CONTENT[:-1])
    with pytest.raises(UserError, match=f"is not the released .*expected .*{SHA256}"):
        download(entry, tmp_path / "new")


@pytest.mark.parametrize("ranges", [True, False])
def test_goes_on_after_a_cut(ranges: bool, server: Server, tmp_path: Path) -> None:
    server.cut_after, server.ranges = 300_000, ranges
    entry = entry_at(server, sha256=SHA256)
    with pytest.raises(UserError, match=r"cut after 300000 of 1048580 bytes\. Run it again to resume, or fetch http"):
        download(entry, tmp_path)
    assert (tmp_path / "file.pth.part").stat().st_size == 300_000 and not (tmp_path / "file.pth").exists()
    server.cut_after = None
    assert download(entry, tmp_path).read_bytes() == CONTENT
    assert server.asked == [None, "bytes=300000-"]
    assert not (tmp_path / "file.pth.sha256").exists()  # the list knows it


def test_wrong_bytes_are_removed(server: Server, tmp_path: Path) -> None:
    entry = entry_at(server, sha256_prefix="0badc0de")
    with pytest.raises(UserError, match=rf"sha256 {SHA256}, expected 0badc0de…; the download was deleted"):
        download(entry, tmp_path)
    assert not list(tmp_path.glob("file.pth")) and not list(tmp_path.glob("*.part"))


def test_a_web_page_is_no_checkpoint(server: Server, tmp_path: Path) -> None:
    server.content = b"<html>This host has moved</html>"
    with pytest.raises(UserError, match=r"gave no checkpoint \(a web page\?\)"):
        download(entry_at(server), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} <= {"file.pth.lock"}


def test_a_part_longer_than_the_file_is_dropped(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.pth.part").write_bytes(CONTENT + b"more")
    with pytest.raises(UserError, match="Run it again"):
        download(entry_at(server), tmp_path)
    assert download(entry_at(server), tmp_path).read_bytes() == CONTENT


def test_offline_says_which_file_to_put_where(server: Server, tmp_path: Path) -> None:
    entry = entry_at(server)
    server.shutdown()
    server.server_close()
    with pytest.raises(UserError, match=rf"fetch {entry.url} elsewhere and put it here as {tmp_path}/file\.pth"):
        download(entry, tmp_path)


def test_find(tmp_path: Path) -> None:
    entry = read_weights()["mmaction2-tsm-r50-1x1x8-50e-kinetics400"]
    with pytest.raises(UserError, match=f"weights get {entry.name}`, or fetch {entry.url} elsewhere"):
        find_weights(entry.name, tmp_path)
    (tmp_path / entry.file).write_bytes(b"another file")
    with pytest.raises(UserError, match="expected 64d69186"):
        find_weights(entry.name, tmp_path)
    for content, kind in ((b"", "an empty file"), (b"\x89HDF\r\n\x1a\n", "an HDF5 file")):
        (tmp_path / "none.h5").write_bytes(content)
        with pytest.raises(UserError, match=rf"none\.h5 is no file of weights but {kind}"):
            find_weights(str(tmp_path / "none.h5"), tmp_path)
    own = tmp_path / "own.pth"
    own.write_bytes(b"PK\x03\x04")
    assert find_weights(str(own), tmp_path) == own
    with pytest.raises(UserError, match="near are tsm-r50-8f-kinetics400"):
        find_weights("tsm-r50-8f-kinetic400", tmp_path)
    with pytest.raises(UserError, match="there are no weights called nothing"):
        get_weights("nothing", tmp_path)
    for name in ("tsm", "tsm-mobilenetv2"):
        hint = rf"called {name}; near are tsm-.*and \d+ more; `python -m extract weights list`"
        with pytest.raises(
            UserError, match=hint if name == "tsm" else "near are tsm-mobilenetv2-8f-dense-kinetics400, "
        ):
            get_weights(name, tmp_path)


def test_a_file_put_there_by_hand_is_taken(tmp_path: Path) -> None:
    entry = read_weights()["tsm-r50-8f-kinetics400"]
    (tmp_path / entry.file).write_bytes(CONTENT)
    assert find_weights(entry.name, tmp_path) == tmp_path / entry.file
    verify(entry.model_copy(update={"sha256": SHA256}), tmp_path / entry.file)


def test_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EARLY_WEIGHTS", str(tmp_path))
    assert weights_folder() == tmp_path
    monkeypatch.delenv("EARLY_WEIGHTS")
    assert weights_folder().parts[-2:] == ("early-recognition", "weights")


def test_every_entry_names_a_backbone_that_exists() -> None:
    assert all(entry.backbone is None or entry.backbone in BACKBONES for entry in read_weights().values())
    assert all(entry.layout in BACKBONES[entry.backbone].layouts for entry in read_weights().values() if entry.backbone)
