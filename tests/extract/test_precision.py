"""`precision = "auto"`: chosen on the first clips where the processor has a faster one, recorded, the same for all."""

from copy import copy
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from common.config import parse_config
from common.errors import UserError
from extract import precision as module
from extract.api import extract_video
from extract.cache import read_cache
from extract.extraction import Extraction
from extract.machine import Machine
from extract.network_loader import load_segment_network
from extract.planning import as_begun, at_fp32, plan_run, planned_clips
from extract.precision import fastest_network
from extract.run import extract, nothing_to_extract, resume
from extract.runtimes import CannotPrepare, Preparation
from extract.runtimes.openvino import OpenVinoRuntime
from extract.shards.run_folder import RunFolder
from manifests.recipes.extraction import AUTO, Extract

pytestmark = pytest.mark.usefixtures("one_thread")

OPTIONS = {"backbone": "timm:test_resnet", "weights": "random", "frames_per_segment": 1, "segments": 2}
CONFIG = parse_config(Extract, OPTIONS | {"image_size": 32, "precision": "auto"}, "test")


@pytest.fixture
def extraction(drawn_footage: Path, tmp_path: Path) -> Extraction:
    machine = Machine(device="cpu", workers=1, threads=1, runtime="auto")
    return Extraction(drawn_footage / "clips.csv", drawn_footage / "videos", tmp_path / "f.h5", CONFIG, machine)


def refuse(monkeypatch: pytest.MonkeyPatch, *refused: str) -> None:
    """Imitate a processor without some precisions."""
    prepare = OpenVinoRuntime.prepare

    def prepared(self, network, example, how: Preparation):  # type: ignore[no-untyped-def]
        if how.precision in refused:
            raise CannotPrepare(f"this processor has no {how.precision}")
        return prepare(self, network, example, how)

    monkeypatch.setattr(OpenVinoRuntime, "prepare", prepared)


@pytest.mark.skipif(find_spec("openvino") is None, reason="the package openvino is not installed")
def test_a_faster_precision_is_taken_and_kept(extraction: Extraction, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEAST_COSINE", 0.9)
    monkeypatch.setattr(module, "LEAST_GAIN", 0)
    monkeypatch.setattr("extract.runtimes.openvino.CAPABILITIES", dict.fromkeys(("fp32", "bf16", "fp16"), "FP32"))
    monkeypatch.setattr("extract.runtimes.openvino._refuse_other_precision", lambda *_: None)
    plan_run(extraction)
    run = RunFolder(extraction.cache)
    assert run.plan.recipe.precision == "bf16" and run.plan.machine.runtime == "openvino"
    monkeypatch.setattr(module, "LEAST_COSINE", 2)  # it is not chosen again
    assert as_begun(run, extraction).config.precision == "bf16"
    assert not resume(extraction.cache)
    assert read_cache(extraction.cache).settings["precision"] == "bf16"
    assert nothing_to_extract(extraction) and not extract(extraction)


@pytest.mark.parametrize(("noise", "taken"), [(0.0, True), (0.02, True), (0.1, False), (np.nan, False)])
def test_a_precision_has_to_agree(
    extraction: Extraction, noise: float, taken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, clips = planned_clips(RunFolder(extraction.cache), extraction)
    exact = load_segment_network(at_fp32(CONFIG), replace(extraction.machine, runtime="torch"))
    exact.settings["runtime"] = "openvino"
    other = copy(exact)
    monkeypatch.setattr(module, "load_segment_network", lambda *_: other)
    other._compute = lambda images: (found := exact._compute(images)) * (1 + noise * torch.randn(found.shape))
    monkeypatch.setattr(module, "_gain", lambda *_: 1.3)
    assert fastest_network(exact, plan, clips, extraction.machine) is (other if taken else exact)
    monkeypatch.setattr(module, "_gain", lambda *_: 1.1)  # it is hardly faster
    assert fastest_network(exact, plan, clips, extraction.machine) is exact


def test_the_precision_stays_fp32_where_no_other_is_of_use(
    extraction: Extraction, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, "fp32", "bf16", "fp16")
    assert not extract(extraction)
    assert RunFolder(extraction.cache).plan.recipe.precision == "fp32"
    assert read_cache(extraction.cache).settings["precision"] == "fp32"


def test_one_file_has_no_first_clips(drawn_footage: Path) -> None:
    assert CONFIG.precision == AUTO
    with pytest.raises(UserError, match="the precision auto is chosen for the clips of a run; name one here"):
        extract_video(
            drawn_footage / "videos" / "c1.avi",
            backbone="timm:test_resnet",
            weights="random",
            precision="auto",  # type: ignore[arg-type]
        )
