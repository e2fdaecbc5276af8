"""Decoders that hang, stop or crash in the middle of a clip, and downloads that stall: only that clip fails."""

import contextlib
import http.server
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

# On every decoder's path: at the frame that NAME.fault gives, what it says befalls the decoder of NAME.avi.
FAULTY = """
import ctypes, os, signal, time
import extract.decoding.decode as decode
from dataclasses import replace
pyav = decode.DECODERS["pyav"]
count, read = pyav.count, pyav.read
FAULTS = {
    "hangs": lambda: time.sleep(3600),
    "hangs in native code": lambda: ctypes.PyDLL(None).sleep(3600),  # and keeps the GIL
    "is stopped": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    "segfaults": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "aborts": os.abort,
    "exits": lambda: os._exit(0),
}
def faulty(path):
    note = path.with_suffix(".fault")
    at, fault = note.read_text().split(" ", 1) if note.exists() else (-1, "")
    for number, frame in enumerate(read(path)):
        if number == int(at):
            FAULTS[fault]()
        yield frame
decode.DECODERS["pyav"] = replace(pyav, count=count, read=faulty)
"""
DEADLINE = 5.0  # a decoder has to be started within it, on a busy machine
REASONS = {
    "hangs": "hung",
    "hangs in native code": "hung",
    "is stopped": "hung",
    "segfaults": "crashed (SIGSEGV)",
    "aborts": "crashed (SIGABRT)",
    "exits": "crashed (exit status 0)",
}


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[pytest.mark.slow] if REASONS[kind] == "hung" else []) for kind in REASONS]
)
def test_a_decoder(campaign: Any, trial: Callable[..., Any], clips: Path, tmp_path: Path, kind: str) -> None:
    fault, chance = campaign.fault(f"decoder {kind}"), campaign.chance(f"decoder {kind}")
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "sitecustomize.py").write_text(FAULTY)
    videos = tmp_path / "videos"
    videos.mkdir()
    for video in (clips / "videos").iterdir():
        (videos / video.name).hardlink_to(video)
    for _ in range(campaign.times(1, 6)):
        disturbed = trial(fault, of=[clips / "clips.csv", "--videos", videos], shards=1)  # each shard has new decoders
        chosen = chance.sample(sorted(videos.glob("*.avi")), 2)
        for video in chosen:
            video.with_suffix(".fault").write_text(f"{chance.randrange(12)} {kind}")
        before = f"import sys; sys.path.insert(0, {str(tmp_path / 'path')!r})"
        finished = disturbed.end(disturbed.start("--deadline", str(DEADLINE), before=before))
        fault.times += len(chosen)
        failures = disturbed.run.failures()
        if finished.status != 3 or failures.keys() != {video.stem for video in chosen}:
            fault.trouble("wrong", f"{finished}, {failures}")
        if not all(REASONS[kind] in row.reason for row in failures.values()):
            fault.trouble("wrong", failures)
        for note in videos.glob("*.fault"):
            note.unlink()
        disturbed.finish()
    fault.outcome = f"in the ledger: “{REASONS[kind]}”; `retry` makes them"


class _Server(http.server.SimpleHTTPRequestHandler):
    """Sends half of a file that is stalled, and then nothing."""

    def __init__(self, *arguments: Any, stalled: set[str], on: threading.Event, **options: Any) -> None:
        self.stalled, self.on = stalled, on
        super().__init__(*arguments, **options)

    def copyfile(self, source: Any, outputfile: Any) -> None:
        if Path(self.path).stem in self.stalled:
            content = source.read()
            outputfile.write(content[: len(content) // 2])
            outputfile.flush()
            self.on.wait()
        else:
            super().copyfile(source, outputfile)

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def served(folder: Path, stalled: set[str]) -> Iterator[str]:
    on = threading.Event()
    handler = partial(_Server, directory=str(folder), stalled=stalled, on=on)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            on.set()
            server.shutdown()
            thread.join()


@pytest.mark.slow
def test_a_fetch_that_stalls(campaign: Any, trial: Callable[..., Any], clips: Path) -> None:
    pytest.importorskip("aiohttp")
    fault, chance = campaign.fault("fetch stalls"), campaign.chance("fetch stalls")
    for _ in range(campaign.times(1, 5)):
        stalled: set[str] = set(chance.sample([video.stem for video in (clips / "videos").iterdir()], 2))
        chosen = set(stalled)
        with served(clips / "videos", stalled) as url:
            disturbed = trial(fault, of=[clips / "clips.csv", "--videos", url])
            finished = disturbed.end(disturbed.start("--deadline", str(DEADLINE)))
            fault.times += len(chosen)
            failures = disturbed.run.failures()
            if finished.status != 3 or failures.keys() != chosen:
                fault.trouble("wrong", f"{finished}, {failures}")
            stalled.clear()
            disturbed.finish()
    fault.outcome = "in the ledger: “hung”; `retry` makes them"
