"""`precision = "auto"`: chosen on the first clips where the processor has a faster one, recorded, the same for all."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from common.config import parse_config
from common.errors import UserError
from extract import precision as module
from extract.api import extract_video
from extract.cache import read_cache
from extract.extraction import Extraction
from extract.machine import Machine
from extract.planning import as_begun, plan_run
from extract.run import extract, nothing_to_extract, resume
from extract.runtimes import CannotPrepare, Preparation
from extract.runtimes.openvino import OpenVinoRuntime
from extract.shards.run_folder import RunFolder
from manifests.recipes.recipe import AUTO, Extract

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
@pytest.mark.parametrize("least", [0.9, 2.0])
def test_a_faster_precision_is_taken_if_it_agrees(
    extraction: Extraction, least: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LEAST_COSINE", least)
    monkeypatch.setattr("extract.runtimes.openvino.CAPABILITIES", dict.fromkeys(("fp32", "bf16", "fp16"), "FP32"))
    monkeypatch.setattr("extract.runtimes.openvino._refuse_other_precision", lambda *_: None)
    plan_run(extraction)
    run = RunFolder(extraction.cache)
    chosen = "bf16" if least < 1 else "fp32"
    assert run.plan.recipe.precision == chosen and run.plan.machine.runtime == "openvino"
    monkeypatch.setattr(module, "LEAST_COSINE", 3 - least)  # it is not chosen again
    assert as_begun(run, extraction).config.precision == chosen
    assert not resume(extraction.cache)
    assert read_cache(extraction.cache).settings["precision"] == chosen
    assert nothing_to_extract(extraction) and not extract(extraction)


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
