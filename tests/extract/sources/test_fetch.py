"""Remote files and members of archives are copied completely, or fail with a reason; no copy is left behind."""

import contextlib
import errno
import http.server
import io
import json
import signal
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from extract.clip import Clip
from extract.decoding.decode_process import DecodeTask, Failure
from extract.decoding.pool import decode_all
from extract.decoding.synthetic_clip import read_number, write_numbered_clip
from extract.sources import fetch
from extract.sources.archives import members
from extract.sources.fetch import FetchError, Scratch, sweep
from extract.sources.listing import list_clips
from extract.sources.location import join

CONTENT = bytes(range(256)) * 40


@pytest.fixture
def scratch_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setenv("EXTRACT_SCRATCH", str(folder))
    return folder


@pytest.fixture
def scratch(scratch_folder: Path) -> Iterator[Scratch]:
    with contextlib.closing(Scratch()) as scratch:
        yield scratch
    assert not list(scratch_folder.iterdir())


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds of each wait between attempts; no time passes."""
    seconds: list[float] = []
    monkeypatch.setattr(fetch.time, "sleep", seconds.append)
    return seconds


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.avi"
    path.write_bytes(CONTENT)
    return path


def nothing() -> None:
    pass


def test_a_file_elsewhere(file: Path, scratch: Scratch) -> None:
    with scratch.fetched(f"file://{file}", 0, 0, "some/where/b.mp4", nothing) as copy:
        assert copy.read_bytes() == CONTENT and copy.suffix == ".mp4"
    assert not copy.exists() and copy.parent.exists()


def test_a_member_of_an_archive_in_pieces(
    file: Path, tmp_path: Path, scratch: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        for name in ("before.avi", "a.avi", "after.avi"):
            tar.add(file, name)
    monkeypatch.setattr(fetch, "PIECE", 1000)
    signs: list[None] = []
    for member in members(str(tmp_path / "x.tar"), lambda name: name != "before.avi"):
        archive = str(tmp_path / "x.tar")
        with scratch.fetched(archive, member.offset, member.size, member.name, lambda: signs.append(None)) as copy:
            assert copy.read_bytes() == CONTENT and copy.suffix == ".avi"
    assert len(signs) >= 2 * len(CONTENT) / 1000


def header(name: str, size: int) -> bytes:
    """Return the header that a tar has right before a member."""
    member = tarfile.TarInfo(name)
    member.size = size
    return member.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize("name", ["b.avi", "a.avi", "ä.avi", "long/" * 30 + "a.avi"])
def test_an_archive_that_was_packed_anew(tmp_path: Path, scratch: Scratch, name: str) -> None:
    """Where the name does not fit into the header, only the size is compared."""
    there = header(name, len(CONTENT))
    offset = len(there)
    (tmp_path / "x.tar").write_bytes(there + CONTENT)
    with scratch.fetched(str(tmp_path / "x.tar"), offset, len(CONTENT), name, nothing) as copy:
        assert copy.read_bytes() == CONTENT
    for change in (header("c.avi", len(CONTENT)) if name == "a.avi" else header(name, 7), b"x" * 512):
        (tmp_path / "x.tar").write_bytes(there[:-512] + change[-512:] + CONTENT)
        with (
            pytest.raises(FetchError, match="is not at its place in .*x.tar any more: the archive was packed again"),
            scratch.fetched(str(tmp_path / "x.tar"), offset, len(CONTENT), name, nothing),
        ):
            pass


def test_an_empty_member(tmp_path: Path, scratch: Scratch) -> None:
    (tmp_path / "x.tar").write_bytes(header("a.avi", 0) + CONTENT)
    with scratch.fetched(str(tmp_path / "x.tar"), 512, 0, "a.avi", nothing) as copy:
        assert copy.read_bytes() == b""


def test_the_copy_goes_also_after_an_error(file: Path, scratch: Scratch) -> None:
    with pytest.raises(ZeroDivisionError), scratch.fetched(f"file://{file}", 0, 0, "", nothing) as copy:
        raise ZeroDivisionError
    assert not copy.exists()


def failing(times: int, error: BaseException, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let the source fail the first times that it is opened; return the list of opened files."""
    opened: list[str] = []

    def fail(path: str, whole: bool) -> contextlib.AbstractContextManager[io.BytesIO]:
        opened.append(path)
        if len(opened) <= times:
            raise error
        return io.BytesIO(CONTENT)

    monkeypatch.setattr(fetch, "_open", fail)
    return opened


@pytest.mark.parametrize("error", [ConnectionResetError("reset"), TimeoutError(), RuntimeError("a storage's own")])
def test_passing_trouble_is_tried_again(
    scratch: Scratch, waits: list[float], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    failing(2, error, monkeypatch)
    with scratch.fetched("s3://bucket/a.avi", 0, 0, "", nothing) as copy:
        assert copy.read_bytes() == CONTENT
    assert waits == [0.5, 2.0]


def test_lasting_trouble_is_given_up(scratch: Scratch, waits: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    opened = failing(9, TimeoutError(), monkeypatch)
    with (
        pytest.raises(FetchError, match="3 attempts failed, the last one: TimeoutError"),
        scratch.fetched("s3://bucket/a.avi", 0, 0, "", nothing),
    ):
        pass
    assert len(opened) == 3


class Refused(Exception):
    status = 403


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (FileNotFoundError("s3://bucket/a.avi"), "the file does not exist"),
        (PermissionError(errno.EACCES, "Permission denied"), "the file cannot be read: Permission denied"),
        (IsADirectoryError(errno.EISDIR, "Is a directory"), "the file cannot be read: Is a directory"),
        (Refused("Forbidden"), "the file cannot be read: Forbidden"),
        (OSError(errno.ENOSPC, "No space left on device"), "the scratch folder .* is full; set EXTRACT_SCRATCH"),
    ],
)
def test_what_another_attempt_would_not_mend(
    scratch: Scratch, waits: list[float], monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    failing(9, error, monkeypatch)
    with pytest.raises(FetchError, match=reason), scratch.fetched("s3://bucket/a.avi", 0, 0, "", nothing):
        pass
    assert not waits


def test_an_archive_that_ends_too_soon(tmp_path: Path, scratch: Scratch, waits: list[float]) -> None:
    (tmp_path / "x.tar").write_bytes(header("a.avi", 500) + CONTENT[:240])
    with (
        pytest.raises(FetchError, match="3 attempts failed, the last one: 240 of 500 bytes were received"),
        scratch.fetched(str(tmp_path / "x.tar"), 512, 500, "a.avi", nothing),
    ):
        pass


def test_scratch_that_is_not_there(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXTRACT_SCRATCH", str(file / "nowhere"))
    with pytest.raises(FetchError, match="cannot write the scratch folder .*set EXTRACT_SCRATCH"):
        Scratch().fetched(f"file://{file}", 0, 0, "", nothing).__enter__()


# Claims a folder of scratch, says so, and waits.
HOLDER = """
from extract.sources.fetch import Scratch
import sys, time
with Scratch().fetched(sys.argv[1], 0, 0, "a.avi", lambda: None):
    print("ready", flush=True)
    time.sleep(600)
"""


def test_the_dead_are_swept_and_the_living_are_not(file: Path, scratch_folder: Path) -> None:
    (scratch_folder / "somebody else's").mkdir()
    holders = [
        subprocess.Popen([sys.executable, "-c", HOLDER, f"file://{file}"], stdout=subprocess.PIPE) for _ in range(2)
    ]
    try:
        for holder in holders:
            assert holder.stdout is not None and holder.stdout.readline() == b"ready\n"
        sweep()
        assert len(list(scratch_folder.glob("*/clip.avi"))) == 2
        holders[0].send_signal(signal.SIGKILL)
        holders[0].wait()
        sweep()
        assert len(list(scratch_folder.glob("*/clip.avi"))) == len(list(scratch_folder.glob("extract*"))) == 1
    finally:
        for holder in holders:
            holder.kill()
            holder.wait()
            assert holder.stdout is not None
            holder.stdout.close()
    sweep()
    assert [path.name for path in scratch_folder.iterdir()] == ["somebody else's"]


class Shelf(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, with ranges except of the files in `whole`. Requests for files with certain names fail."""

    troubles: dict[str, int]
    release: threading.Event

    def do_GET(self) -> None:
        name = self.path.rsplit("/", 1)[-1]
        if "hang" in name:
            self.release.wait(60)
        if "busy" in name and self.troubles.setdefault(name, 4):  # HEAD and GET of two attempts
            self.troubles[name] -= 1
            return self.send_error(503)
        if "forbidden" in name:
            return self.send_error(403)
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            return super().do_GET() if self.command == "GET" else super().do_HEAD()
        content, asked = path.read_bytes(), None if "whole" in name else self.headers.get("Range")
        first, last = (asked or f"bytes=0-{len(content) - 1}").removeprefix("bytes=").split("-")
        piece = content[int(first) : int(last) + 1]
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(piece)))
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
        self.end_headers()
        if self.command == "GET":
            with contextlib.suppress(ConnectionError):
                self.wfile.write(piece[: len(piece) // 2] if "short" in name else piece)

    do_HEAD = do_GET

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def shelf(footage: Path) -> Iterator[str]:
    """The URL of a copy of `drawn_footage`, on this machine."""
    pytest.importorskip("aiohttp", reason="the extra `http` is not installed")
    Shelf.troubles, Shelf.release = {}, threading.Event()

    def handler(*arguments: object) -> Shelf:
        return Shelf(*arguments, directory=str(footage))  # type: ignore[arg-type]

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        Shelf.release.set()
        server.shutdown()
        thread.join()


def decoded(tasks: list[DecodeTask], deadline: float = 30.0) -> dict[str, Clip | str]:
    return {
        (outcome.clip_id if isinstance(outcome, Failure) else outcome[0]): (
            f"{outcome.stage}: {outcome.reason}" if isinstance(outcome, Failure) else outcome[1]
        )
        for outcome in decode_all(tasks, workers=2, deadline=deadline)
    }


def test_http_whatever_happens(shelf: str, footage: Path, scratch_folder: Path) -> None:
    for name in ("busy.avi", "short.avi", "hang.avi", "forbidden.avi", "a #1 100%?.avi"):
        (footage / "videos" / name).write_bytes((footage / "videos" / "c0.avi").read_bytes())
    (footage / "videos" / "text.avi").write_text("text")
    write_numbered_clip(footage / "videos" / "whole.avi", 12, (64, 64))
    with (footage / "videos" / "whole.avi").open("ab") as file:
        file.write(bytes(fetch.PIECE))
    names = [
        "c0.avi",
        "whole.avi",
        "short.avi",
        "busy.avi",
        "hang.avi",
        "nowhere.avi",
        "forbidden.avi",
        "a #1 100%?.avi",
        "text.avi",
    ]
    tasks = [DecodeTask(name, join(f"{shelf}/videos", name), 10, 2, "pyav", 0, name=name) for name in names]
    found = decoded(tasks, deadline=8.0)
    for name in ("c0.avi", "whole.avi", "busy.avi", "a #1 100%?.avi"):
        clip = found[name]
        assert isinstance(clip, Clip), (name, clip)
        assert [read_number(frame) for frame in clip.content] == list(range(12))
    assert found["hang.avi"] == "fetch: the fetch hung: killed after 8 s without progress"
    assert str(found["short.avi"]).startswith("fetch: 3 attempts failed, the last one: ")
    assert found["nowhere.avi"] == "fetch: the file does not exist"
    assert str(found["forbidden.avi"]).startswith("fetch: the file cannot be read: ")
    assert str(found["text.avi"]).startswith("decode: not a video")
    assert not list(scratch_folder.iterdir()), "neither of those that failed nor of those that were killed"


def test_archives_over_http_are_read_where_their_members_are(shelf: str, footage: Path, scratch_folder: Path) -> None:
    for half in (0, 1):
        with tarfile.open(footage / f"shard-{half}.tar", "w") as tar:
            for index in range(4 * half, 4 * half + 4):
                tar.add(footage / "videos" / f"c{index}.avi", f"c{index}.avi")
    (listing,) = listed((f"{shelf}/shard-{{0..1}}.tar", None))
    assert listing["videos"] == shelf
    assert [row["clip_id"] for row in listing["clips"]] == [f"c{index}" for index in range(8)]
    tasks = [
        DecodeTask(
            row["clip_id"],
            join(shelf, row["archive"]),
            10,
            2,
            "pyav",
            0,
            False,
            row["offset"],
            row["bytes"],
            row["path"],
        )
        for row in listing["clips"]
    ]
    for name, clip in decoded(tasks).items():
        assert isinstance(clip, Clip), (name, clip)
        assert clip.num_frames == 12 + 3 * int(name[1:])
    assert not list(scratch_folder.iterdir())


def test_listings_over_http(shelf: str, footage: Path) -> None:
    here = list_clips(str(footage / "videos"), None)
    (footage / "list.txt").write_text("c1.avi\n")
    folder, manifest, names, nowhere, no_folder, forbidden = listed(
        (f"{shelf}/videos", None),
        (f"{shelf}/clips.csv", f"{shelf}/videos"),
        (f"{shelf}/list.txt", f"{shelf}/videos/"),
        (f"{shelf}/nowhere.csv", shelf),
        (f"{shelf}/nowhere", None),
        (f"{shelf}/forbidden", None),
    )
    assert folder["videos"] == manifest["videos"] == names["videos"] == f"{shelf}/videos"
    assert folder["fingerprint"] == manifest["fingerprint"] == here.fingerprint
    assert [row["path"] for row in names["clips"]] == ["c1.avi"]
    assert nowhere == {"error": f"{shelf}/nowhere.csv does not exist"}
    assert no_folder == {"error": f"{shelf}/nowhere does not exist"}
    assert forbidden["error"].startswith(f"cannot read {shelf}/forbidden: 403")


def listed(*orders: tuple[str, str | None]) -> list[dict[str, Any]]:
    """List clips in a child process, which closes what fsspec keeps open."""
    program = """
import json, sys
from extract.sources.listing import list_clips
from common.errors import UserError
said = []
for clips, videos in json.load(sys.stdin):
    try:
        found = list_clips(clips, videos)
        rows = found.clips.to_dict("records")
        said.append({"videos": found.videos, "clips": rows, "fingerprint": found.fingerprint})
    except UserError as error:
        said.append({"error": str(error)})
print(json.dumps(said))
"""
    output = subprocess.run(
        [sys.executable, "-c", program], input=json.dumps(orders), text=True, capture_output=True, check=True
    )
    said: list[dict[str, Any]] = json.loads(output.stdout)
    return said
