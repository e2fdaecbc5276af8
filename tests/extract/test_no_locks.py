"""Every command on a file system without locks: the same bytes, no refusal, and no wrong advice."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from extract.shards.run_folder import RunFolder

ERRORS = ("ENOLCK", "EOPNOTSUPP", "ENOSYS")
RECIPE = """
name = "tiny"
seeds = [0]
[data]
dataset = "other"
protocol = "made-up"
[extract]
backbone = "joints"
weights = "none"
frames_per_segment = 1
segments = 5
[teacher]
hidden = 4
[student]
hidden = 4
[distillation]
beta = 0.5
[training]
batch_size = 4
epochs = 2
"""
# One process for all errors: to import torch takes longer than all that is done here.
TRAIN_AND_REPRODUCE = """
import errno, os, sys
from functools import partial
from common.command_line import run_cli
from distill.commands.app import app as distill
from evaluate.commands.app import app as evaluate

def run(app, *words):
    try:
        run_cli(partial(app, [str(word) for word in words]))
    except SystemExit as end:
        assert not end.code, words

folder, data = sys.argv[1:]
for error in ("ENOLCK", "EOPNOTSUPP", "ENOSYS"):
    os.environ["NOLOCK_ERRNO"] = str(getattr(errno, error))
    out = f"{folder}/{error}"
    given = ("--manifest", f"{data}/clips.csv")
    reproduce = ("reproduce", f"{folder}/recipe.toml", *given, "--videos", data, "--out", out, "--device", "cpu")
    run(evaluate, *reproduce)
    run(evaluate, *reproduce)
    trained = ("--method", "without", "--out", f"{out}/own", "--device", "cpu")
    run(distill, "train", f"{folder}/recipe.toml", *given, "--cache", f"{out}/features.h5", *trained)
"""


@pytest.mark.parametrize("error", ERRORS)
def test_an_extraction(
    command: Any, command_without_locks: Any, answering: Callable[[str], str], footage: Path, tmp_path: Path, error: str
) -> None:
    out, before, broken = tmp_path / "out" / "features.h5", answering(error), footage / "videos" / "c3.avi"

    def run(*words: str | Path, status: int = 0) -> str:
        ended = command_without_locks(*words, before=before)
        assert ended.status == status and ended.stderr.count("error: ") == 0, ended
        return str(ended.stdout)

    content = broken.read_bytes()
    broken.write_text("not a video")
    run("plan", footage / "clips.csv", "--videos", footage / "videos", "--out", out, "--shards", "2", "--quick")
    assert "8 missing" in run("status", out)
    run("run", "--out", out, "--shard", "0/2", status=3 if _shard_of(out, "c3") == 0 else 0)
    run("run", "--out", out, status=3)
    run("verify", out)
    broken.write_bytes(content)
    run("retry", out)
    assert "8 done (100.0 %)" in run("status", out)
    run("merge", out)

    elsewhere = tmp_path / "elsewhere.h5"
    clips = [footage / "clips.csv", "--videos", footage / "videos"]
    assert command("run", *clips, "--out", elsewhere, "--quick", "--device", "cpu", "--threads", "1").status == 0
    assert out.read_bytes() == elsewhere.read_bytes()
    verified = command("verify", out)
    assert verified.status == 0, verified


def _shard_of(out: Path, clip: str) -> int:
    return int(RunFolder(out).clips.set_index("clip_id").loc[clip, "shard"])


@pytest.mark.slow
def test_a_training_and_a_reproduction(
    without_locks: Callable[[str], dict[str, str]], drawn_skeletons: Path, tmp_path: Path
) -> None:
    (tmp_path / "recipe.toml").write_text(RECIPE)
    command = [sys.executable, "-W", "error", "-c", TRAIN_AND_REPRODUCE, str(tmp_path), str(drawn_skeletons)]
    environment = os.environ | without_locks("ENOLCK") | {"OMP_NUM_THREADS": "1"}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    for name in ("features.h5", "table.csv", "runs/seed0/with/weights.safetensors"):
        assert len({(tmp_path / error / name).read_bytes() for error in ERRORS}) == 1
    for error in ERRORS:
        assert (tmp_path / error / "own" / "done.json").exists()
