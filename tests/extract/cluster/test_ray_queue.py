"""A real Ray cluster of two nodes, one of which is lost in the middle, makes the bytes of a single process."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from common.errors import UserError
from extract.cluster.engine import EngineCallbacks
from extract.cluster.ray_queue import RaySettings, run_on_ray
from extract.cluster.submission import Submission

RAY = ["--engine", "ray", "--device", "cpu", "--workers", "1"]

MOST_STARTS = 2  # of a node; Ray may take over two minutes to give one up


class Node:
    """A Ray node on the loopback, with one CPU. Its processes are one session.

    Ray gives a node 30 seconds to start, which no option changes. On a busy machine that is too short, so a node that
    has ended is started again, and where Ray never starts nothing of this project can be tested with it.
    """

    def __init__(self, address: str, folder: Path, environment: dict[str, str], *options: str) -> None:
        self.log = folder / f"{address}.log"
        program = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", f"--node-ip-address={address}"]
        room = ["--num-cpus=1", "--num-gpus=0", "--object-store-memory=80000000", "--disable-usage-stats"]
        self.command, self.environment, self.starts = [*program, *room, *options], environment, 0
        self.start()

    def start(self) -> None:
        self.starts += 1
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment,
                start_new_session=True,
            )

    def up(self) -> bool:
        said = self.log.read_text()
        if self.process.poll() is not None:
            if self.starts == MOST_STARTS:
                pytest.skip(f"Ray itself does not start on this machine: {said[-400:]}")
            self.kill()
            self.start()
            return False
        return "Ray runtime started" in said

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture(scope="module")
def nodes(
    command: Any, free_ports: Callable[[int], list[int]], wait_until: Callable[..., None]
) -> Iterator[tuple[str, dict[str, Node]]]:
    """The address of a cluster, and its nodes by their own addresses; the second one may be killed."""
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'early-recognition[ray]'")
    folder = Path(tempfile.mkdtemp(prefix="ray-"))  # a socket's path must be short
    environment = command.environment | {"RAY_USAGE_STATS_ENABLED": "0", "RAY_health_check_period_ms": "1000"}
    port, *others = free_ports(4)
    places = [f"--temp-dir={folder}", f"--ray-client-server-port={others[0]}", f"--dashboard-port={others[1]}"]
    nodes = {}
    try:
        head = Node("127.0.0.2", folder, environment, "--head", f"--port={port}", "--include-dashboard=false", *places)
        nodes["127.0.0.2"] = head
        wait_until(head.up, 400)
        nodes["127.0.0.3"] = Node("127.0.0.3", folder, environment, f"--address=127.0.0.2:{port}")
        wait_until(nodes["127.0.0.3"].up, 400)
        yield f"127.0.0.2:{port}", nodes
    finally:
        for node in reversed(nodes.values()):
            node.kill()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
@pytest.mark.ray
def test_a_node_is_lost_in_the_middle(
    nodes: tuple[str, dict[str, Node]],
    command: Any,
    out: Path,
    whole: bytes,
    hold: Any,
    last_clip: Callable[[int], str],
    wait_until: Callable[..., None],
    parent_of: Callable[[str | int], int],
) -> None:
    address, by_address = nodes
    gates, decoders = zip(*(hold(last_clip(shard)) for shard in range(3)), strict=True)
    running = command.start("submit", out, *RAY, "--address", address)
    wait_until(lambda: sum(bool(decoder()) for decoder in decoders) == 2)  # one shard on each node
    tasks = {shard: parent_of(parent_of(decoder())) for shard, decoder in enumerate(decoders) if decoder()}
    lost = by_address["127.0.0.3"]
    [shard] = [shard for shard, task in tasks.items() if os.getsid(parent_of(task)) == lost.process.pid]
    worker = parent_of(decoders[shard]())
    lost.kill()
    wait_until(lambda: not Path(f"/proc/{worker}").exists())  # it does not work on beside its successor
    for gate in gates:
        gate.unlink()
    finished = running.wait()
    assert finished.status == 0, finished.stderr
    assert re.fullmatch(r".*: 8 of 8 clips, content sha256 \w+\n", finished.stdout), finished.stdout
    assert "8/8" in finished.stderr and "Task run_shard failed" in finished.stderr
    assert out.read_bytes() == whole


def press_ctrl_c(group: int, wait_until: Callable[..., None]) -> None:
    """Press Ctrl-C; press it again if Python ignored the first one, as in the callback of a weak reference."""
    stat, stderr = Path(f"/proc/{group}/stat"), Path(f"/proc/{group}/fd/2").resolve()

    def ended() -> bool:
        return stat.read_text().rpartition(")")[2].split()[0] == "Z"

    os.killpg(group, signal.SIGINT)
    wait_until(lambda: ended() or "Exception ignored in" in stderr.read_text())
    if not ended():
        os.killpg(group, signal.SIGINT)


@pytest.mark.slow
@pytest.mark.ray
def test_ctrl_c_and_errors_end_the_workers_in_order(
    nodes: tuple[str, dict[str, Node]],
    command: Any,
    out: Path,
    whole: bytes,
    hold: Any,
    last_clip: Callable[[int], str],
    wait_until: Callable[..., None],
    parent_of: Callable[[str | int], int],
) -> None:
    gate, decoder = hold(last_clip(0))
    running = command.start("submit", out, *RAY, "--address", nodes[0])
    wait_until(decoder)
    worker = parent_of(decoder())
    os.killpg(running.pid, signal.SIGINT)
    finished = running.wait()
    assert finished.status == 130
    assert "Traceback" not in finished.stderr
    assert finished.stderr.endswith("\ninterrupted: what was finished is kept; run the same command to resume\n")
    wait_until(lambda: not Path(f"/proc/{worker}").exists())
    assert not list(out.parent.rglob("heartbeat.json"))
    gate.unlink()

    running = command.start("submit", out, *RAY, "--address", nodes[0], "--gpus-per-shard", "1")
    stderr = Path(f"/proc/{running.pid}/fd/2")
    wait_until(lambda: "no node has 1 CPUs and 1 GPUs now, and shards wait until one comes" in stderr.read_text())
    press_ctrl_c(running.pid, wait_until)
    assert running.wait().status == 130

    finished = command("submit", out, *RAY, "--address", nodes[0], "--device", "cuda:99")
    assert finished.status == 1
    assert "3 workers failed (shard " in finished.stderr and "cuda:99" in finished.stderr

    finished = command("submit", out, *RAY, "--address", nodes[0], "--at-once", "1")
    assert finished.status == 0, finished.stderr
    assert out.read_bytes() == whole


@pytest.mark.ray
def test_no_cluster_is_one_sentence(command: Any, out: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'early-recognition[ray]'")
    finished = command("submit", out, *RAY, "--address", "127.0.0.9:1")
    assert finished.status == 1
    assert re.fullmatch("\n?error: no Ray cluster answers at 127.0.0.9:1 .*\n", finished.stderr), finished.stderr


def test_without_ray_it_says_how_to_get_it(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(
        UserError, match=r"Ray is not installed; it is an extra: pip install 'early-recognition\[ray\]'"
    ):
        run_on_ray(Submission(out, (0,), 1), RaySettings(), EngineCallbacks(print, print, lambda: None))
