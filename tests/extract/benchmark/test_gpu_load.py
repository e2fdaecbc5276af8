"""How busy a GPU is, told by a stand-in for nvidia-smi: its numbers are averaged, its silence is said."""

import time
from pathlib import Path

import pytest

from extract.benchmark import gpu_load
from extract.benchmark.gpu_load import GpuLoad


def load(folder: Path, script: str | None, monkeypatch: pytest.MonkeyPatch, seconds: float = 0.5) -> float | str:
    monkeypatch.setattr(gpu_load, "SECONDS", 0.01)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    if script is not None:
        program = folder / "nvidia-smi"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o700)
    with GpuLoad("12-34") as sampled:
        time.sleep(seconds)
    return sampled.mean()


def test_the_mean_of_what_it_says_of_that_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = f'echo "$@" >>{tmp_path}/asked; wc -l <{tmp_path}/asked'
    share = load(tmp_path, script, monkeypatch)
    asked = (tmp_path / "asked").read_text().splitlines()
    assert set(asked) == {"--query-gpu=utilization.gpu --format=csv,noheader,nounits -i GPU-12-34"}
    assert share == pytest.approx((1 + len(asked)) / 2 / 100)


def test_what_is_no_number_is_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(tmp_path, "echo '[N/A]'", monkeypatch) == "nvidia-smi answers '[N/A]'"


def test_without_nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("subprocess.run", lambda *_, **__: (_ for _ in ()).throw(FileNotFoundError("nvidia-smi")))
    assert load(tmp_path, None, monkeypatch) == "nvidia-smi cannot be called: nvidia-smi"


def test_no_time_to_ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_load, "SECONDS", 60)
    with GpuLoad("12-34") as sampled:
        pass
    assert sampled.mean() == "nvidia-smi had no time to answer"
