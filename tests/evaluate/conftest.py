"""Small reproductions on stick figures, of videos and of skeletons; and scores that are drawn."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from evaluate.pipeline.inputs import PipelineInputs
from evaluate.pipeline.reproduction import reproduce
from evaluate.scoring.scores import Scores
from extract.machine import Machine
from manifests.recipes.recipe import read_recipe
from manifests.stick_figures.data_set import draw_data_set

LABELS = np.repeat(np.arange(4), 5)
GROUPS = ("anna", "ben", "cleo", "dan") * 5
FEW = {"train": 2, "validation": 1, "test": 1}  # of each of the ten classes
RECIPE = """
name = "{name}"
seeds = [0, 1]
methods = {methods}
{fusion}
[data]
dataset = "other"
protocol = "stick-figures-v1"
[teacher]
hidden = 4
[student]
hidden = 8
[training]
learning_rate = 0.05
batch_size = 8
epochs = 2
"""
VIDEO = """
[{section}]
backbone = "timm:test_resnet"
weights = "random"
segments = 5
frames_per_segment = 2
image_size = 32
"""
SKELETON = """
[streams.skeleton]
backbone = "va_cnn"
weights = "train"
column = "path_skeleton"
segments = 5
va_cnn = {network = "test_resnet", image_size = 40, epochs = 1, samples_per_clip = 1}
"""


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the stick figures' files and manifest. Tests must not write into it."""
    return draw_data_set(tmp_path_factory.mktemp("drawn"), clips_per_class=FEW, size=(64, 48)).parent


def run(recipe: str, drawn: Path, out: Path) -> Path:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    file = out.parent / "recipe.toml"
    file.write_text(recipe)
    manifest = next(drawn.glob("*.csv"))
    reproduce(read_recipe(file), PipelineInputs(out, videos=drawn, manifest=manifest), Machine(device="cpu", workers=1))
    torch.set_num_threads(threads)
    return out


@pytest.fixture(scope="session")
def one_stream(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a reproduction of videos, with a method that trains no network. Tests must not write into it."""
    recipe = RECIPE.format(name="video", methods='["knn", "without", "with"]', fusion="")
    return run(recipe + VIDEO.format(section="extract"), drawn, tmp_path_factory.mktemp("one") / "out")


@pytest.fixture(scope="session")
def two_streams(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a reproduction of videos and skeletons, joined and alone. Tests must not write into it."""
    recipe = RECIPE.format(name="both", methods='["without"]', fusion='fusion = "compare"')
    text = recipe + VIDEO.format(section="streams.rgb") + SKELETON
    return run(text, drawn, tmp_path_factory.mktemp("two") / "out")


@pytest.fixture(scope="session")
def own_joints(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a reproduction of skeletons with a joint list; their files are in `files` beside it."""
    folder = tmp_path_factory.mktemp("joints")
    shutil.copytree(drawn, folder / "files")
    names = [f"j{number}" for number in range(20)]
    (folder / "files" / "joints.toml").write_text(f'names = {names}\ncentre = "j1"\n')
    recipe = RECIPE.format(name="joints", methods='["without"]', fusion="")
    text = '[extract]\nbackbone = "joint_statistics"\nweights = "none"\ncolumn = "path_skeleton"\nsegments = 5\n'
    return run(recipe + text, folder / "files", folder / "out")


def draw_scores(
    method: str,
    seed: int,
    share: float,
    *,
    groups: tuple[str, ...] = GROUPS,
    labels: NDArray[np.int64] = LABELS,
    segments: int = 5,
) -> Scores:
    """Scores of 20 clips of 4 classes, of which about `share` are right at each ratio."""
    correct = np.random.default_rng([seed, round(100 * share)]).random((20, segments)) < share
    clips = {"train": 8, "validation": 0, "test": 20}
    accuracy = correct.mean(axis=0)
    return Scores(method, "own", seed, accuracy, accuracy, clips, 4, 4, {}, labels, groups, correct, 0 * accuracy, None)


@pytest.fixture(scope="session")
def runs() -> Callable[..., list[Scores]]:
    """Return a function: from a method and its share of right clips, its scores for some seeds."""

    def draw(method: str, share: float, seeds: Sequence[int] = (0, 1, 2), **changed: object) -> list[Scores]:
        return [draw_scores(method, seed, share, **changed) for seed in seeds]  # type: ignore[arg-type]

    return draw


@pytest.fixture(scope="session")
def draw_video(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a function that writes a video whose frame n has the brightness 2n, and returns its file."""

    def draw(name: str, frames: int, rate: int = 25, size: tuple[int, int] = (64, 48), codec: str = "mpeg4") -> Path:
        path = tmp_path_factory.mktemp("video") / name
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=rate)
            assert isinstance(stream, av.VideoStream)
            stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
            for number in range(frames):
                picture: NDArray[np.uint8] = np.full((size[1], size[0], 3), min(2 * number, 255), np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode(None))
        return path

    return draw
