"""The plans of the stages: a recipe is resolved once, and a new data set needs nothing but its entry."""

import ast
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from common.errors import UserError
from evaluate.pipeline.inputs import PipelineInputs, missing_option
from evaluate.pipeline.plans import make_plans
from extract.cache_rows import Row
from extract.cache_writer import write_cache
from manifests.datasets import DATASETS, DataSet
from manifests.manifest import COLUMNS, Manifest, write_manifest
from manifests.recipes.recipe import Recipe, read_recipe

PIPELINE = Path(__file__).parents[3] / "evaluate" / "pipeline"
STAGES = (
    "students",
    "streams",
    "stream_cache",
    "sources",
    "method_scores",
    "provenance",
    "failed_clips",
    "result_folder",
    "results",
)
CLASSES = ("fall", "rise")
RECIPE = """
name = "tiny"
seeds = [0, 1]
methods = ["with", "knn"]
[data]
dataset = "{dataset}"
protocol = "mine-v1"
[extract]
backbone = "timm:test_resnet"
weights = "random"
segments = 4
[distillation]
beta = 0.5
"""


def write_recipe(folder: Path, dataset: str = "other", more: str = "") -> Recipe:
    (folder / "r.toml").write_text(RECIPE.format(dataset=dataset) + more)
    return read_recipe(folder / "r.toml")


def small_manifest() -> Manifest:
    rows = [
        (f"{split}{number}", f"{split}{number}.avi", number, CLASSES[number], "g", split, "mine-v1")
        for split in ("train", "validation", "test")
        for number in range(2)
    ]
    return Manifest(pd.DataFrame(rows, columns=list(COLUMNS)), CLASSES)


@pytest.fixture
def inputs(tmp_path: Path) -> PipelineInputs:
    write_manifest(small_manifest(), tmp_path / "m.csv")
    return PipelineInputs(tmp_path / "out", videos=tmp_path / "videos", manifest=tmp_path / "m.csv")


@pytest.mark.parametrize("stage", [*STAGES, "layout", "row_names", "finished_run"])
def test_no_stage_reads_a_recipe(stage: str) -> None:
    tree = ast.parse((PIPELINE / f"{stage}.py").read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    parameters = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    assert not imported & {"Recipe", "read_recipe"}
    assert "recipe" not in parameters


def test_a_recipe_becomes_one_plan_for_each_stage(tmp_path: Path, inputs: PipelineInputs) -> None:
    recipe = write_recipe(tmp_path)
    plans = make_plans(recipe, inputs)
    extraction, training, scoring = plans.extraction, plans.training, plans.scoring
    assert (extraction.order, dict(extraction.given)) == (("features",), {})
    assert extraction.extracted["features"].config == recipe.extract
    assert extraction.extracted["features"].path == inputs.out / "features.h5"
    assert extraction.clips.root == inputs.videos
    assert (training.methods, training.seeds) == (("with", "knn"), (0, 1))
    assert (training.teachers, training.students, list(training.classical)) == (["teacher"], ["with"], ["knn"])
    assert scoring.training is training
    assert (scoring.fusion, scoring.baseline, scoring.method) == (
        "early", "Without distillation", "With distillation"
    )  # fmt: skip
    assert not inputs.out.exists()


def test_given_caches_are_read_and_checked_in_the_plan(tmp_path: Path, inputs: PipelineInputs) -> None:
    clips = small_manifest().clips["clip_id"].tolist()
    rows = [Row(clip, np.zeros((3, 2), np.float32), 9, True) for clip in clips]
    write_cache(tmp_path / "f.h5", rows, clips, (3, 2), {"backbone": "timm:test_resnet"})
    given = PipelineInputs(inputs.out, manifest=inputs.manifest, caches={"features": tmp_path / "f.h5"})
    with pytest.raises(UserError, match=r"not the cache of recipe tiny \(segments: 3 there, 4 in the recipe\)"):
        make_plans(write_recipe(tmp_path), given)


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ("tau = 4\n", "recipe tiny, method with: tau = 4 leaves no pair"),
        ("[knnn]\nk = 1\n", "knnn"),
        ("[teacher]\nhiden = 3\n", r"teacher\.hiden is not a key; did you mean teacher\.hidden\?"),
    ],
)
def test_what_cannot_work_is_refused_in_the_plan(
    tmp_path: Path, inputs: PipelineInputs, more: str, sentence: str
) -> None:
    with pytest.raises(UserError, match=sentence):
        make_plans(write_recipe(tmp_path, more=more), inputs)


@pytest.mark.parametrize(
    ("column", "of_test0", "sentence"),
    [
        ("path", "train0.avi", r"1 file is listed more than once: .*train0\.avi \(train0 and test0\)"),
        ("class_name", "jump", "no training clip of 1 of 3 classes: jump"),
    ],
)
def test_what_manifests_check_refuses_is_refused_before_anything_is_decoded(
    tmp_path: Path, inputs: PipelineInputs, column: str, of_test0: str, sentence: str
) -> None:
    manifest = small_manifest()
    clips = manifest.clips.set_index("clip_id", drop=False)
    clips.loc["test0", column] = of_test0
    clips.loc[clips["class_name"] == "jump", "label"] = 2
    if column == "path":  # a file of two splits breaks a rule of the schema
        clips.loc["test0", "split"] = "train"
    write_manifest(Manifest(clips, (*CLASSES, "jump")), tmp_path / "m.csv")
    with pytest.raises(UserError, match=sentence):
        make_plans(write_recipe(tmp_path), inputs)


def test_a_new_data_set_needs_only_its_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def build(folder: Path, protocol: str, *, hold_out: object = None) -> tuple[Manifest, list[str]]:
        assert (folder, protocol) == (tmp_path / "videos", "mine-v1")
        return small_manifest(), ["1 clip is missing"]

    mine = DataSet(
        title="my data", protocols=("mine-v1",), builder=build, files="Folder of my videos.", folder="/data/mine"
    )
    monkeypatch.setitem(DATASETS, "mine", mine)
    sentences: list[str] = []
    inputs = PipelineInputs(tmp_path / "out", videos=tmp_path / "videos")
    plans = make_plans(write_recipe(tmp_path, "mine"), inputs, sentences.append)
    assert plans.extraction.clips.path == tmp_path / "out" / "manifest.csv"
    assert plans.extraction.clips.manifest.protocol == "mine-v1"
    assert sentences == ["1 clip is missing"]
    assert missing_option("tiny", "mine") == "give --videos tiny=DIR"
    assert missing_option("tiny", "other") == "give --manifest tiny=FILE"
