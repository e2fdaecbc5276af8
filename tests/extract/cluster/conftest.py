"""A planned run of drawn clips; a real SLURM of one node on the loopback, with its own folder and ports."""

import contextlib
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from extract.extraction import Extraction
from extract.machine import Machine
from extract.planning import plan_run
from extract.shards.run_folder import RunFolder
from manifests.recipes.extraction import Extract

SHARDS = 3
SLURM_PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")
SLURM_CONF = """\
ClusterName=tests
SlurmctldHost={node}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
SlurmUser={user}
StateSaveLocation={folder}/controller
SlurmdSpoolDir={folder}/node
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
ReturnToService=2
KillWait=60
MessageTimeout=30
NodeName={node} NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


@pytest.fixture(scope="session")
def whole(command: Any, drawn_footage: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The cache of one process, in one piece."""
    out = tmp_path_factory.mktemp("whole") / "features.h5"
    where = ["--videos", drawn_footage / "videos", "--out", out]
    finished = command("run", drawn_footage / "clips.csv", *where, "--quick", "--threads", "1", "--device", "cpu")
    assert finished.status == 0, finished.stderr
    return out.read_bytes()


@pytest.fixture(scope="session")
def wait_until(wait_until: Callable[..., None]) -> Callable[..., None]:
    """A longer wait, because the tests here wait for workers, and each of them imports torch."""
    return lambda condition, seconds=180.0: wait_until(condition, seconds)


@pytest.fixture
def out(footage: Path, tmp_path: Path, one_thread: None) -> Path:
    """A planned run of `footage` in three shards, in a folder whose name has a blank."""
    out = tmp_path / "the run" / "features.h5"
    recipe = Extract(backbone="timm:test_resnet", weights="random", frames_per_segment=2, image_size=32)  # as --quick
    plan_run(Extraction(footage / "clips.csv", footage / "videos", out, recipe, Machine(threads=1), SHARDS))
    return out


@pytest.fixture
def last_clip(out: Path) -> Callable[[int], str]:
    """A function that names the clip of a shard which is decoded last."""
    return lambda shard: str(RunFolder(out).clips.query(f"shard == {shard}")["clip_id"].iloc[-1])


@pytest.fixture(scope="session")
def parent_of() -> Callable[[str | int], int]:
    """A function that returns the process id of a process's parent."""
    return lambda pid: int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


@pytest.fixture(scope="session")
def free_ports() -> Callable[[int], list[int]]:
    """A function that returns unused ports of the loopback."""
    return _free_ports


@pytest.fixture(scope="session")
def slurm(command: Any) -> Iterator[dict[str, str]]:
    """The environment in which SLURM's commands find a real SLURM; the test is skipped if none can be started."""
    if missing := [program for program in SLURM_PROGRAMS if shutil.which(program) is None]:
        pytest.skip(f"no SLURM here ({missing[0]} is missing): apt-get install slurm-wlm munge")
    if os.geteuid():
        pytest.skip("slurmd needs root")
    with local_slurm(command.environment) as environment:
        yield environment


@contextlib.contextmanager
def local_slurm(inherited: dict[str, str]) -> Iterator[dict[str, str]]:
    """Start a SLURM and give the environment in which its commands find it; end it, with all its jobs."""
    node = socket.gethostname().split(".")[0]
    user = pwd.getpwuid(os.getuid()).pw_name
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))  # a socket's path must be short
    (folder / "controller").mkdir()
    (folder / "munge.key").write_bytes(secrets.token_bytes(128))
    (folder / "munge.key").chmod(0o400)
    configuration = folder / "slurm.conf"
    configuration.write_text(
        SLURM_CONF.format(folder=folder, node=node, user=user, ports=_free_ports(2), cpus=os.cpu_count())
    )
    environment = inherited | {"SLURM_CONF": str(configuration)}
    names = {name: f"{folder}/munge.{name}" for name in ("socket", "key", "pid", "log", "seed")}
    munge = ["munged", "--foreground", "--force", f"--socket={names['socket']}", f"--key-file={names['key']}"]
    munge += [f"--{name}-file={names[name]}" for name in ("pid", "log", "seed")]
    with contextlib.ExitStack() as daemons:
        daemons.callback(shutil.rmtree, folder, ignore_errors=True)
        for command in (munge, ["slurmctld", "-D", "-c"], ["slurmd", "-D"]):
            log = daemons.enter_context((folder / f"{command[0]}.out").open("wb"))
            daemon = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
            daemons.callback(_end, daemon)
        _wait(environment, ["sinfo", "-h", "-o", "%T"], "idle")
        try:
            yield environment
        finally:
            subprocess.run(["scancel", "--full", "--signal=KILL", "--user", user], env=environment)
            subprocess.run(["scancel", "--user", user], env=environment)
            _wait(environment, ["squeue", "-h"], "")


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def _wait(environment: dict[str, str], command: list[str], answer: str) -> None:
    until = time.monotonic() + 60
    while True:
        asked = subprocess.run(command, env=environment, capture_output=True, text=True)
        if asked.returncode == 0 and asked.stdout.strip() == answer:
            return
        assert time.monotonic() < until, f"{command} never said {answer!r}: {asked.stdout}{asked.stderr}"
        time.sleep(0.2)


def _end(daemon: "subprocess.Popen[bytes]") -> None:
    daemon.terminate()
    try:
        daemon.wait(20)
    except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait()
