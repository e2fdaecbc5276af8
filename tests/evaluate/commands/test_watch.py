"""`watch` as a command: what it prints, its exit statuses, and how it is interrupted."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from common.command_line import run_cli
from evaluate.commands.app import app
from evaluate.live.recogniser import Recogniser
from extract.skeletons.readers import read_skeleton
from manifests.manifest import read_manifest

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.usefixtures("one_thread")


def call(*arguments: object) -> int:
    """Run the command line as `python -m` does, in this process; return its exit status."""
    with pytest.raises(SystemExit) as end:
        run_cli(partial(app, [str(argument) for argument in arguments]))
    return int(end.value.code or 0)


def test_timelines_of_two_sources(one_stream: Path, drawn: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = sorted(drawn.rglob("*.avi"))[:2]
    assert call("watch", one_stream, first, second, "--no-real-time", "--threshold", 0, "--device", "cpu") == 0
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert len(lines) == 2 * (5 + 1) and all(len(line) <= 80 for line in lines)
    assert sum("→" in line for line in lines) == 2
    assert printed.err.splitlines()[0] == "model: With distillation (with), the mean over the seeds 0, 1"
    assert {f"{first} has ended", f"{second} has ended"} <= set(printed.err.splitlines())


def test_json_has_the_probabilities_of_predict(
    one_stream: Path, drawn: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = min(drawn.rglob("*.avi"))
    options = ["--no-real-time", "--json", "--seed", 1, "--method", "without", "--device", "cpu"]
    assert call("watch", one_stream, file, *options) == 0
    model, *predictions, end = map(json.loads, capsys.readouterr().out.splitlines())
    expected = Recogniser.load(one_stream, method="without", seed=1, device="cpu").recognise(file)
    assert model["classes"] == list(expected.classes) and end == {"event": "end", "source": str(file), "error": None}
    found = np.array([each["probabilities"] for each in predictions])
    assert np.abs(found - expected.probabilities).max() < 1e-6


def test_skeletons_from_standard_input(
    two_streams: Path, drawn: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = read_manifest(next(drawn.glob("*.csv"))).split("test")
    joints = read_skeleton(drawn / clips["path_skeleton"].iloc[0], None).joints
    lines = [json.dumps({"bodies": frame.tolist()}) for frame in joints]
    lines[0] = json.dumps({"bodies": joints[0].tolist(), "num_frames": len(joints)})
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(lines)))
    assert call("watch", two_streams / "runs" / "skeleton", "-", "--json", "--device", "cpu") == 0
    assert len(capsys.readouterr().out.splitlines()) == 1 + 5 + 1


def test_exit_statuses(one_stream: Path, drawn: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, nowhere = min(drawn.rglob("*.avi")), "nowhere.avi"
    assert call("watch", one_stream, file, nowhere, "--no-real-time", "--device", "cpu") == 3
    assert "nowhere.avi has ended: the file does not exist" in capsys.readouterr().err
    assert call("watch", one_stream, nowhere, "--device", "cpu") == 1
    assert call("watch", one_stream, "rtsp://127.0.0.1:9/x", "--device", "cpu") == 1
    assert "say how long it usually lasts, as with --action-seconds 3" in capsys.readouterr().err
    assert call("watch", one_stream, file, "--webhook", "ftp://x", "--device", "cpu") == 1


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_end_it_and_its_processes(
    one_stream: Path, draw_video: Callable[..., Path], number: signal.Signals, status: int
) -> None:
    command = [sys.executable, "-m", "evaluate", "watch", str(one_stream), str(draw_video("long.avi", 300))]
    process = subprocess.Popen(
        [*command, "--action-seconds", "1", "--device", "cpu"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert process.stdout is not None and process.stdout.readline()  # it works
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    feeders = [int(child) for child in children.read_text().split()] if children.exists() else []
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == status, errors
    assert "Traceback" not in errors
    deadline = time.monotonic() + 30
    while any(Path(f"/proc/{feeder}").exists() for feeder in feeders):
        assert time.monotonic() < deadline, "a feeder is still running"
        time.sleep(0.05)
