"""The choice of a runtime: `auto` is resolved once for a run, recorded, and kept by every worker and by `predict`."""

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from common.errors import UserError
from extract.cache import read_cache
from extract.extraction import Extraction
from extract.machine import Machine
from extract.network_loader import load_segment_network
from extract.planning import plan_run
from extract.run import extract, resume
from extract.runtimes import RUNTIMES, candidates
from extract.shards.checked_json import dump_checked, load_checked
from extract.shards.run_folder import RunFolder
from extract.shards.settings import recorded_runtime
from manifests.recipes.extraction import Extract

pytestmark = pytest.mark.usefixtures("one_thread")
needs_openvino = pytest.mark.skipif(find_spec("openvino") is None, reason="the package openvino is not installed")

CONFIG = Extract(backbone="timm:test_resnet", weights="random", frames_per_segment=1, segments=2, image_size=32)
AUTO = Machine(device="cpu", workers=1, threads=1, runtime="auto")
TORCH = Machine(device="cpu", workers=1, threads=1)

Make = Callable[..., Extraction]


@pytest.fixture
def extraction(drawn_footage: Path, tmp_path: Path) -> Make:
    def make(name: str = "f.h5", machine: Machine = AUTO, shards: int = 1) -> Extraction:
        return Extraction(
            drawn_footage / "clips.csv", drawn_footage / "videos", tmp_path / name, CONFIG, machine, num_shards=shards
        )

    return make


def uninstall(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(package: str) -> str:
        raise PackageNotFoundError(package)

    monkeypatch.setattr("extract.openvino_core.version", version)


@needs_openvino
def test_auto_is_resolved_by_the_plan_and_kept(extraction: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    planned = extraction(shards=2)
    plan_run(planned)
    out = planned.cache
    assert RunFolder(out).plan.machine.runtime == "openvino"
    with monkeypatch.context() as patch:
        uninstall(patch)
        with pytest.raises(UserError, match="the package openvino is not installed; install it: uv pip install openv"):
            resume(out)
    assert not resume(out)
    settings = read_cache(out).settings
    assert settings["runtime"] == "openvino" and settings["precision"] == "fp32"
    before = out.read_bytes()
    uninstall(monkeypatch)
    assert not extract(planned), "a finished cache is read anywhere"
    with pytest.raises(UserError, match=r"begun with other settings \(runtime: 'openvino' there, 'torch' now\)"):
        extract(extraction(machine=TORCH, shards=2))
    assert out.read_bytes() == before


@needs_openvino
def test_a_run_without_a_plan_gives_the_same_bytes_and_torch_almost_the_same(extraction: Make) -> None:
    for name, machine in (("a.h5", AUTO), ("t.h5", TORCH)):
        assert not extract(extraction(name, machine))
    planned = extraction("p.h5", shards=2)
    plan_run(planned)
    resume(planned.cache)
    assert planned.cache.read_bytes() == extraction("a.h5").cache.read_bytes()
    assert RunFolder(extraction("a.h5").cache).plan.machine.runtime == "openvino"
    found, expected = (read_cache(extraction(name).cache).features for name in ("a.h5", "t.h5"))
    assert not np.array_equal(found, expected)
    assert np.linalg.norm(found - expected) < 1e-5 * np.linalg.norm(expected)


def test_a_run_of_an_earlier_version_stays_with_torch(extraction: Make) -> None:
    begun = extraction(machine=TORCH)
    assert not extract(begun)
    run, whole = RunFolder(begun.cache), begun.cache.read_bytes()
    plan = load_checked(run.plan_file.read_bytes())
    del plan["machine"]["runtime"]
    run.plan_file.write_text(dump_checked(plan))
    assert "runtime" not in run.settings() and recorded_runtime(run.settings()) == "torch"
    begun.cache.unlink()
    for part in run.folder.rglob("000001.*"):
        part.unlink()
    assert not extract(extraction(machine=AUTO))
    assert begun.cache.read_bytes() == whole


def test_auto_is_torch_where_openvino_is_missing_or_of_no_use(monkeypatch: pytest.MonkeyPatch) -> None:
    uninstall(monkeypatch)
    assert recorded_runtime(load_segment_network(CONFIG, AUTO).settings) == "torch"
    with pytest.raises(UserError, match="the runtime openvino cannot compute timm:test_resnet here: .*uv pip install"):
        load_segment_network(CONFIG, Machine(device="cpu", runtime="openvino"))
    assert list(candidates(AUTO, "cpu")) == list(RUNTIMES)
    assert list(candidates(Machine(compiled=True, runtime="auto"), "cpu")) == ["torch"]
    assert list(candidates(Machine(runtime="openvino"), "cuda:0")) == ["torch"]
    joints = Extract(backbone="joints", weights="none")
    assert recorded_runtime(load_segment_network(joints, AUTO).settings) == "torch"


@pytest.mark.parametrize(
    ("machine", "sentence"),
    [
        (Machine(device="cpu", runtime="opnvino"), "no runtime 'opnvino'; did you mean 'openvino'"),
        (Machine(device="cpu", runtime="openvino", compiled=True), "--compile is torch's; leave it out"),
    ],
)
def test_what_is_wrong_is_told(extraction: Make, machine: Machine, sentence: str) -> None:
    for act in (extract, plan_run):
        with pytest.raises(UserError, match=sentence):
            act(extraction(machine=machine))
