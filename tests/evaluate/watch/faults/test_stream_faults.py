"""Streams that break in every way: each ends or goes on with a sentence, and a healthy stream beside it is the same."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from evaluate.watch import feeder_process
from evaluate.watch.events import Event, Prediction, SourceEnded
from evaluate.watch.watch_settings import WatchSettings
from evaluate.watch.watcher import STANDARD_INPUT, Watcher
from tests.evaluate.watch.faults.conftest import FULL, Trial, feeders
from tests.evaluate.watch.faults.stream_faults import CHANGES, bits_flipped, rows, serving

ROOT = Path(__file__).parents[4]
SOURCES = 4  # faulty ones at a time
full = pytest.mark.skipif(not FULL, reason="EARLY_FAULTS=full makes it")


@pytest.fixture
def stream(draw_video: Callable[..., Path]) -> bytes:
    """A stream of 4 s."""
    return draw_video("a.ts", 100, codec="mpeg2video").read_bytes()


def test_a_sample_of_faults(trial: Trial, stream: bytes, chance: random.Random) -> None:
    with contextlib.ExitStack() as stack:
        changed = [CHANGES[name](stream, chance) for name in ("server closes", "server sends garbage", "bits flipped")]
        trial.watch([stack.enter_context(serving(*answer)) for answer in changed])
    trial.finish("a sample", len(changed))


@full
@pytest.mark.parametrize("name", list(CHANGES))
def test_servers(trial: Trial, stream: bytes, chance: random.Random, name: str) -> None:
    with contextlib.ExitStack() as stack:
        answers = [CHANGES[name](stream, chance) for _ in range(SOURCES)]
        trial.watch([stack.enter_context(serving(*answer)) for answer in answers])
    trial.finish(f"HTTP: {name}", SOURCES)


@full
def test_the_size_changes(trial: Trial, stream: bytes, draw_video: Callable[..., Path], chance: random.Random) -> None:
    with contextlib.ExitStack() as stack:
        sources = []
        for _ in range(SOURCES):
            size = (chance.choice([32, 96, 160]), chance.choice([32, 96, 128]))
            other = draw_video("b.ts", 50, size=size, codec="mpeg2video").read_bytes()
            sources.append(stack.enter_context(serving(stream + other + stream, True)))
        trial.watch(sources)
    trial.finish("HTTP: the size of the picture changes", SOURCES)


@full
@pytest.mark.parametrize("piece", ["stops growing", "lacks a piece", "is garbage"])
def test_hls(trial: Trial, stream: bytes, chance: random.Random, piece: str) -> None:
    head = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXTINF:1.0,\n"
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(serving(stream, True, 99))
        second = "http://127.0.0.1:9/nothing.ts" if piece == "lacks a piece" else url
        text = f"{head}{url}\n#EXTINF:1.0,\n{second}\n" if piece != "is garbage" else chance.randbytes(999).hex()
        lists = [stack.enter_context(serving(text.encode(), True, 5)).replace(".ts", ".m3u8") for _ in range(SOURCES)]
        trial.watch(lists)
    trial.finish(f"HLS: the list {piece}", SOURCES)


@full
def test_damaged_files(trial: Trial, draw_video: Callable[..., Path], chance: random.Random, tmp_path: Path) -> None:
    content, files = draw_video("c.avi", 100).read_bytes(), []
    for number in range(SOURCES):
        files.append(tmp_path / f"{number}.avi")
        files[-1].write_bytes(bits_flipped(content, chance)[0])
    trial.watch(list(map(str, files)))
    trial.finish("file: bits flipped", SOURCES)


@full
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP, signal.SIGSEGV])
def test_feeders_that_are_hit(
    trial: Trial, stream: bytes, chance: random.Random, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    """The feeder of a server that stalls, so it is there when the healthy file has ended."""
    monkeypatch.setattr(feeder_process, "SILENT_SECONDS", -27.0)  # and stall_seconds are 30
    hit: list[int] = []

    def strike(events: list[Event]) -> None:
        if isinstance(events[-1], SourceEnded) and not hit:
            time.sleep(chance.uniform(0, 0.5))
            hit.extend(feeders())
            for pid in hit:
                os.kill(pid, number)

    with contextlib.ExitStack() as stack:
        sources = [stack.enter_context(serving(stream, False)) for _ in range(SOURCES)]
        trial.watch(sources, strike, WatchSettings(1.0, False, 30.0, 0))
    trial.finish(f"feeder: {number.name}", len(hit))


@full
def test_a_slow_consumer(trial: Trial, stream: bytes) -> None:
    with contextlib.ExitStack() as stack:
        sources = [stack.enter_context(serving(stream * 3, True)) for _ in range(2)]
        trial.watch(sources, lambda _: time.sleep(0.1))
    trial.finish("consumer is slow", 2)


@full
def test_broken_lines(two_streams: Path, chance: random.Random) -> None:
    watcher = Watcher.load(two_streams / "runs" / "skeleton", device="cpu")
    moves = np.random.default_rng(0).uniform(-1, 1, (60, 20, 3)).round(3)
    lines = [json.dumps({"time": number / 30, "bodies": [body.tolist()]}) for number, body in enumerate(moves)]
    settings = WatchSettings(action_seconds=1.0, real_time=False)
    whole = [e.probabilities for e in watcher.watch([STANDARD_INPUT], settings, lines) if isinstance(e, Prediction)]
    broken = [
        "{",
        "[" * 100_000,
        lines[0][: len(lines[0]) // 2],
        '{"bodies": 1}',
        '{"bodies": [[[1, 2]]]}',
        "NaN",
        "\0",
    ]
    for line in broken:
        place = chance.randrange(len(lines))
        events = list(watcher.watch([STANDARD_INPUT], settings, [*lines[:place], line, *lines[place:]]))
        found = [event.probabilities for event in events if isinstance(event, Prediction)]
        assert np.array_equal(found, whole[: len(found)]) and f"line {place + 1}" in str(events[-1]), events[-1]
    rows.append(f"| skeletons: a broken line | {len(broken)} | – | – | – | – | | {len(broken)} × “line …” |")


@full
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals(one_stream: Path, draw_video: Callable[..., Path], chance: random.Random, number: int) -> None:
    command = [sys.executable, "-m", "evaluate", "watch", str(one_stream), str(draw_video("long.avi", 3000))]
    running = [
        subprocess.Popen([*command, "--action-seconds", "1"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    statuses = []
    for process in running:
        time.sleep(chance.uniform(0.5, 3))
        process.send_signal(number)
    for process in running:
        _, errors = process.communicate(timeout=60)  # nobody reads before
        statuses.append(process.returncode)
        assert process.returncode == 128 + number and b"Traceback" not in errors, errors
    rows.append(f"| {signal.Signals(number).name} | {len(running)} | – | – | – | – | | exit statuses: {statuses} |")
