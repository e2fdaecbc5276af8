"""From skeleton files to the table with the real stages: synthetic files in the layouts of NTU and SYSU."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat

from evaluate.pipeline.inputs import PipelineInputs
from evaluate.pipeline.reproduction import Result, reproduce
from extract.cache import read_cache
from extract.machine import Machine
from extract.skeletons.synthetic_skeleton import write_synthetic_skeleton
from manifests.recipes.recipe import Recipe, read_recipe

pytestmark = pytest.mark.slow

MACHINE = Machine(device="cpu", workers=1)
TRAIN, VALIDATION, TEST = 1, 27, 3  # NTU's subjects


@pytest.fixture(autouse=True)
def on_one_core() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def small(name: str) -> Recipe:
    """Return a bundled recipe with the smallest networks and the shortest trainings."""
    text = read_recipe(Path(name)).model_dump()
    for stream in [text["extract"], *text["streams"].values()]:
        if stream and stream["weights"] == "train":
            stream["va_cnn"] |= {"network": "test_resnet", "image_size": 40, "epochs": 1, "samples_per_clip": 1}
        elif stream:
            stream |= {"backbone": "timm:test_resnet", "weights": "random", "image_size": 32, "frames_per_segment": 1}
    text["training"] |= {"epochs": 1, "batch_size": 4}
    text |= {"seeds": [0], "teacher": {"hidden": 4}, "student": {"hidden": 4}}
    return Recipe.model_validate(text)


def run(recipe: Recipe, files: Path, out: Path) -> tuple[Result, list[str]]:
    notices: list[str] = []
    return reproduce(recipe, PipelineInputs(out, videos=files), MACHINE, notices.append), notices


def test_ntu_in_one_command(tmp_path: Path) -> None:
    files = tmp_path / "nturgb+d_skeletons"
    files.mkdir()
    for subject in (TRAIN, VALIDATION, TEST):
        for action in (1, 2, 50):
            for camera in (1, 2):
                name = f"S001C{camera:03}P{subject:03}R001A{action:03}.skeleton"
                write_synthetic_skeleton(files / name, 30 + action, seed=100 * subject + action)
    result, notices = run(small("ntu60"), files, tmp_path / "out")
    table = result.table_file.read_text(encoding="utf-8")
    assert "ntu60-xsub-subset" in table and "62.8" not in table, "no published row beside a subset"
    assert any("are not in" in line for line in notices) and "main network from scratch" in notices
    cache = read_cache(tmp_path / "out" / "features.h5")
    assert cache.features.shape == (18, 10, 96) and cache.valid.all()
    assert cache.settings["legacy_sequence_actors"] is False
    again, _ = run(small("ntu60"), files, tmp_path / "out")
    assert (
        again.table_file.read_text(encoding="utf-8") == table and again.seconds["extract"] < result.seconds["extract"]
    )


def test_sysu_in_one_command_with_rgb_and_skeletons(tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    files = tmp_path / "3DvideoNorm"
    for actor in range(40):
        for video in (1, 2) if actor in (0, 5, 18, 19, 25, 39) else ():
            folder = files / f"Actor{actor:02}" / f"video{video}"
            (folder / "rgb").mkdir(parents=True)
            for frame in range(12):
                Image.fromarray(chance.integers(0, 255, (24, 32, 3), np.uint8)).save(folder / "rgb" / f"{frame}.jpg")
            savemat(folder / "sklWorld.mat", {"SW": chance.standard_normal((20, 3, 13))})
        (files / f"Actor{actor:02}").mkdir(exist_ok=True)
    result, _ = run(small("sysu"), files, tmp_path / "out")
    assert set(result.scores) == {"Without distillation, early fusion", "With distillation, early fusion"}
    table = result.table_file.read_text(encoding="utf-8")
    assert "sysu-xsub-fixed-subset" in table and "random weights" in table and "78.8" not in table
    rgb, skeleton = (read_cache(tmp_path / "out" / f"{name}.h5") for name in ("rgb", "skeleton"))
    assert rgb.clip_id == skeleton.clip_id and len(rgb.clip_id) == 12
    assert rgb.settings["pictures_decoder"].startswith("pillow ")
    assert set(rgb.num_frames) == {12} and set(skeleton.num_frames) == {13}
