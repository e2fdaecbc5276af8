"""The command line, killed at the worst moments and interrupted, is run again and makes the same bytes; what it says.

Importing torch takes seconds, so one process imports everything and forks a command line each time it is asked to.
"""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest

from extract.cache import read_cache
from extract.numbered_clip import write_numbered_clip
from extract.parts import PartsFolder
from manifests.errors import UserError

ROOT = Path(__file__).parent.parent.parent
QUICK = ["--backbone", "timm:resnet10t", "--weights", "random", "--frames-per-segment", "2", "--image-size", "32"]

# On every decoder's path: while NAME.hold is beside NAME.avi, its decoder writes NAME.pid and waits.
HOLD = """
import os, time
import extract.decode as decode
promise, read = decode.DECODERS["pyav"]
def held(path):
    hold = path.with_suffix(".hold")
    if hold.exists():
        path.with_suffix(".pid").write_text(str(os.getpid()))
    while hold.exists():
        time.sleep(0.02)
    return promise(path)
decode.DECODERS["pyav"] = (held, read)
"""

LAUNCHER = """
import json, os, signal, sys, traceback
import extract.run, extract.terminal
from extract.__main__ import app
from manifests.command_line import run_cli

def become_command_line(arguments, output, before):
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where a shell put pytest in the background
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(f"{output}/{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
    sys.argv = ["extract", *arguments]
    exec(before, {})
    run_cli(app)

for line in sys.stdin:
    order = json.loads(line)
    if "wait" in order:
        print(os.waitstatus_to_exitcode(os.waitpid(order["wait"], 0)[1]), flush=True)
    elif process := os.fork():
        print(process, flush=True)
    else:
        status = 0
        try:
            become_command_line(**order)
        except SystemExit as end:
            status = end.code or 0
        except BaseException:
            traceback.print_exc()
            status = 1
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
"""

# Parts of 3 clips, and the end of the process at the first call of a function with telling arguments.
KILL_AT = """
import importlib, os, signal
import extract.run
extract.run.PART_CLIPS = 3
module = importlib.import_module({module!r})
original = getattr(module, {function!r})
def killed(*arguments):
    if {telling!r} in str(arguments):
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*arguments)
setattr(module, {function!r}, killed)
"""


class Finished(NamedTuple):
    status: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Running:
    pid: int
    wait: Callable[[], Finished]


Hold = Callable[[str], tuple[Path, Callable[[], str]]]


class CommandLine:
    """`python -m extract` by name: started, or run to its end."""

    def __init__(self, sabotage: Path, output: Path) -> None:
        path = os.pathsep.join([str(sabotage), str(ROOT)])
        self.environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
        self.output, self.count = output, 0
        self.launcher = subprocess.Popen(
            [sys.executable, "-c", LAUNCHER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=self.environment,
        )

    def close(self) -> None:
        assert self.launcher.stdin and self.launcher.stdout
        self.launcher.stdin.close()
        assert self.launcher.wait() == 0
        self.launcher.stdout.close()

    def start(self, *arguments: str | Path, before: str = "") -> Running:
        output = self._new_output()
        pid = self._ask(
            {"arguments": [str(argument) for argument in arguments], "output": str(output), "before": before}
        )
        return Running(pid, lambda: self._finished(self._ask({"wait": pid}), output))

    def start_for_real(self, *arguments: str | Path) -> Running:
        """A process of its own, from the first import."""
        output = self._new_output()
        with (output / "stdout").open("w") as stdout, (output / "stderr").open("w") as stderr:
            process = subprocess.Popen(
                ["env", "--default-signal=INT", sys.executable, "-m", "extract", *map(str, arguments)],
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                env=self.environment,
                start_new_session=True,
            )
        return Running(process.pid, lambda: self._finished(process.wait(), output))

    def __call__(self, *arguments: str | Path, before: str = "") -> Finished:
        return self.start(*arguments, before=before).wait()

    def _new_output(self) -> Path:
        self.count += 1
        output = self.output / str(self.count)
        output.mkdir()
        return output

    def _finished(self, status: int, output: Path) -> Finished:
        return Finished(status, (output / "stdout").read_text(), (output / "stderr").read_text())

    def _ask(self, order: dict[str, object]) -> int:
        assert self.launcher.stdin and self.launcher.stdout
        print(json.dumps(order), file=self.launcher.stdin, flush=True)
        return int(self.launcher.stdout.readline())


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    sabotage = tmp_path_factory.mktemp("sabotage")
    (sabotage / "sitecustomize.py").write_text(HOLD)
    command = CommandLine(sabotage, tmp_path_factory.mktemp("output"))
    yield command
    command.close()


@pytest.fixture(scope="module")
def whole(command: CommandLine, drawn_footage: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The cache of an undisturbed run."""
    out = tmp_path_factory.mktemp("whole") / "features.h5"
    finished = command(*run_of(drawn_footage, out))
    assert finished.status == 0, finished.stderr
    return out.read_bytes()


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out" / "features.h5"


def run_of(footage: Path, out: Path, workers: int = 2) -> list[str | Path]:
    videos = ["--videos", footage / "videos", "--out", out]
    return ["run", footage / "clips.csv", *videos, *QUICK, "--device", "cpu", "--workers", str(workers)]


@pytest.fixture
def hold(footage: Path) -> Iterator[Hold]:
    """Lets a clip's decoder wait while the returned file exists; the returned function reads the decoder's process id.

    At the end of the test all go on, so that none is left where the test failed.
    """

    def hold_clip(clip_id: str) -> tuple[Path, Callable[[], str]]:
        gate, pid = (footage / "videos" / f"{clip_id}.{suffix}" for suffix in ("hold", "pid"))
        gate.touch()
        return gate, lambda: pid.read_text() if pid.exists() else ""

    yield hold_clip
    for gate in footage.glob("videos/*.hold"):
        gate.unlink()


def is_gone(pid: str) -> bool:
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()  # a zombie waits for init to reap it
    except (FileNotFoundError, ProcessLookupError):
        return True


def in_one_sentence(finished: Finished) -> str:
    assert finished.status == 1, finished
    assert re.fullmatch("\n?error: .*\n", finished.stderr), finished.stderr
    return finished.stderr


def test_killed_at_any_moment_the_same_bytes_come_out(
    command: CommandLine, drawn_footage: Path, out: Path, whole: bytes
) -> None:
    moments = [
        ("manifests.files", "_fsync", ".clips.txt."),  # nothing but the clips' names, and those not renamed yet
        ("manifests.files", "_fsync", ".settings.json."),  # the names, but no settings
        ("manifests.files", "_fsync", ".000001.safetensors."),  # the first part written, not renamed
        ("extract.parts", "sha256_of", "000001.safetensors"),  # the first part in its place, no record of it
        ("manifests.files", "_fsync", ".000001.json."),  # the record written, not renamed
        ("manifests.files", "_fsync", ".000002.json."),  # the first part done, the second one without its record
        ("extract.cache", "_digest_row", "clip_id='c5'"),  # in the middle of writing the HDF5
        ("manifests.files", "_fsync", ".features.h5."),  # the HDF5 whole under its temporary name
        ("extract.parts", "write_text", "merged.json"),  # the HDF5 in its place, no record of it
    ]
    leftovers = 0
    for module, function, telling in moments:
        assert not out.exists()
        before = KILL_AT.format(module=module, function=function, telling=telling)
        killed = command(*run_of(drawn_footage, out), before=before)
        assert killed.status == -signal.SIGKILL, (telling, killed)
        for leftover in out.parent.rglob("*.tmp"):
            leftover.write_bytes(b"if anyone reads this, the result is wrong")
            leftovers += 1
    assert out.read_bytes() == whole
    assert leftovers >= 5, "the temporary files of the killed"
    finished = command(*run_of(drawn_footage, out))
    assert finished.status == 0, finished.stderr
    assert out.read_bytes() == whole
    assert not list(out.parent.rglob("*.tmp"))
    assert command("verify", out).status == 0


@pytest.mark.parametrize("for_real", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_killed_while_decoding(
    command: CommandLine,
    footage: Path,
    out: Path,
    whole: bytes,
    wait_until: Callable[..., None],
    hold: Hold,
    for_real: bool,
) -> None:
    gates, pids = zip(*(hold(clip_id) for clip_id in ("c3", "c6")), strict=True)
    start = command.start_for_real if for_real else command.start
    running = start(*run_of(footage, out))
    wait_until(lambda: all(pid() for pid in pids))
    assert not any(is_gone(pid()) for pid in pids)
    os.kill(running.pid, signal.SIGKILL)
    assert running.wait().status == -signal.SIGKILL
    wait_until(lambda: all(is_gone(pid()) for pid in pids), 5.0)
    assert not out.exists()

    for gate in gates:
        gate.unlink()
    assert command(*run_of(footage, out)).status == 0
    assert out.read_bytes() == whole


@pytest.mark.parametrize("for_real", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_ctrl_c_keeps_what_is_finished(
    command: CommandLine,
    footage: Path,
    out: Path,
    whole: bytes,
    wait_until: Callable[..., None],
    hold: Hold,
    for_real: bool,
) -> None:
    gate, pid = hold("c5")  # two decoded clips wait at most, so three have gone to the network by then
    start = command.start_for_real if for_real else command.start
    running = start(*run_of(footage, out, workers=1))
    wait_until(pid)
    os.killpg(running.pid, signal.SIGINT)
    finished = running.wait()
    assert finished.status == 130
    assert finished.stderr.endswith("interrupted: what was finished is kept; run the same command to go on\n")
    assert "Traceback" not in finished.stderr
    wait_until(lambda: is_gone(pid()), 5.0)
    assert not out.exists()
    assert {"c0", "c1"} <= set(PartsFolder(out).done()) <= {"c0", "c1", "c2", "c3", "c4"}

    gate.unlink()
    for clip_id in PartsFolder(out).done():  # not needed any more
        (footage / "videos" / f"{clip_id}.avi").unlink()
    assert command(*run_of(footage, out)).status == 0
    assert out.read_bytes() == whole


def test_two_processes_on_one_output(
    command: CommandLine, footage: Path, out: Path, whole: bytes, wait_until: Callable[..., None], hold: Hold
) -> None:
    gate, pid = hold("c2")
    first = command.start(*run_of(footage, out))
    wait_until(pid)
    for arguments in (run_of(footage, out), ["retry", out], ["merge", out]):
        assert "another process is writing" in in_one_sentence(command(*arguments))
    gate.unlink()
    assert first.wait().status == 0
    assert out.read_bytes() == whole


def test_failed_clips_make_status_3_and_a_table(command: CommandLine, footage: Path, out: Path, whole: bytes) -> None:
    (footage / "videos" / "c1.avi").write_text("not a video")
    (footage / "videos" / "c4.avi").unlink()
    for arguments, attempt in ((run_of(footage, out), 1), (run_of(footage, out), 1), (["retry", out], 2)):
        finished = command(*arguments)
        assert finished.status == 3
        assert "6 of 8 clips" in finished.stdout and "2 clips failed" in finished.stdout
        assert "failures.jsonl" in finished.stdout
        assert re.search(rf"c1 .*decode .*not a video that can be opened.* {attempt} ", finished.stderr)
        assert re.search(rf"c4 .*decode .*the file does not exist.* {attempt} ", finished.stderr)
    assert command("verify", out).stdout.startswith(f"{out}: 6 of 8 clips valid")

    write_numbered_clip(footage / "videos" / "c1.avi", 15, (64, 64))
    write_numbered_clip(footage / "videos" / "c4.avi", 24, (96, 72))
    finished = command("retry", out)
    assert finished.status == 0 and "8 of 8 clips" in finished.stdout
    assert out.read_bytes() == whole


def test_verify_and_merge(command: CommandLine, drawn_footage: Path, out: Path, whole: bytes) -> None:
    assert command(*run_of(drawn_footage, out)).status == 0
    facts = json.loads(command("verify", out, "--json").stdout)
    assert (facts["clips"], facts["valid"], facts["segments"], facts["damaged_parts"]) == (8, 8, 10, [])
    assert facts["content_sha256"] == read_cache(out).content_sha256

    damaged = bytearray(whole)
    damaged[whole.index(read_cache(out).features[3].tobytes())] ^= 1
    out.write_bytes(damaged)
    assert "is damaged" in in_one_sentence(command("verify", out))
    out.write_bytes(whole[:5000])
    assert "not a whole feature cache" in in_one_sentence(command("verify", out))
    out.unlink()
    assert "no feature cache" in in_one_sentence(command("verify", out))
    assert command("merge", out).status == 0
    assert out.read_bytes() == whole

    part = PartsFolder(out).folder / "parts" / "000001.safetensors"
    part.write_bytes(part.read_bytes()[:-1] + b"!")
    assert "parts 000001 are damaged; `run` makes them again" in in_one_sentence(command("verify", out))
    assert "damaged" in in_one_sentence(command("merge", out))
    assert command(*run_of(drawn_footage, out)).status == 0
    assert command("verify", out).status == 0
    assert out.read_bytes() == whole


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("--weights", "tsm-r50-9f-kinetics400"), "tsm-r50-9f-kinetics400"),
        (("--weights", "tsm-r50-8f-kinetics400"), "belong to the backbone tsm_resnet50, not to timm:resnet10t"),
        (("--backbone", "tsm_resnet5"), "there is no backbone tsm_resnet5; near are"),
        (("--precision", "fp8"), "precision"),
        (("--segments", "0"), "segments"),
        (("--decoder", "ffmpeg"), "there is no decoder 'ffmpeg'"),
        (("--device", "abacus"), "no device 'abacus'"),
        (("--device", "cuda:99"), "cuda:99"),
        (("--videos", "nowhere"), "the video folder nowhere does not exist"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    command: CommandLine, drawn_footage: Path, out: Path, change: tuple[str, str], sentence: str
) -> None:
    assert sentence in in_one_sentence(command(*run_of(drawn_footage, out), *change))
    assert not out.parent.exists()


def test_manifests_and_outputs_that_are_not_there(command: CommandLine, footage: Path, out: Path) -> None:
    assert "a manifest is NAME.csv" in in_one_sentence(command(*run_of(footage.with_name("nowhere"), out)))
    for arguments in (["retry", out], ["merge", out]):
        assert "no extraction of" in in_one_sentence(command(*arguments))
    with pytest.raises(UserError, match="no feature cache"):
        read_cache(out)


def test_wrong_usage_has_the_status_of_wrong_usage(command: CommandLine, footage: Path, out: Path) -> None:
    finished = command(*run_of(footage, out, workers=0))
    assert finished.status == 2
    assert "--workers" in finished.stderr and "Traceback" not in finished.stderr
