"""`evaluate check`: what is inside and outside, and every run that must not be compared with published numbers."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
import torch

from common.command_line import run_cli
from common.errors import UserError
from distill.whole_recipe import complete_recipe
from evaluate.commands.app import app
from evaluate.pipeline.comparability import MADE_HERE, bundled_recipe
from evaluate.pipeline.inputs import PipelineInputs
from evaluate.pipeline.published_check import check_rows, passed
from evaluate.pipeline.reproduction import reproduce
from evaluate.pipeline.row_names import row_name
from evaluate.scoring.predictions import Predictions, read_predictions, write_predictions
from evaluate.scoring.scores import Scores
from evaluate.scoring.summary import Summary
from evaluate.scoring.tolerance import TOLERANCES, Tolerance, allowed
from evaluate.tables.published_table import make_table, render_csv
from extract.backbones import load_backbone
from extract.cache_rows import Row
from extract.cache_writer import write_cache
from extract.feature_settings import recording_settings
from extract.machine import Machine
from manifests.manifest import Manifest, write_manifest
from manifests.published import WHOLE, read_published
from manifests.recipes.extraction import Extract
from manifests.recipes.recipe import Recipe, read_recipe
from manifests.recipes.recipe_files import RECIPES
from manifests.recipes.suite import read_suite
from manifests.released_weights import read_weights

SYSU, UCF = "sysu-xsub-fixed", "ucf101-early-15-3-7"
WITH = "With distillation, early fusion"
PAPER = (67.1, 79.2, 84.2, 85.8, 87.1)  # Table 1, SYSU, with distillation, at 20, 40, … 100 %; AUC 78.8
# Ten ratios with the paper's five and its area: the others are what is left for them.
CURVE = np.insert(np.array(PAPER), [0, 1, 2, 3, 4], (10 * 78.8 - sum(PAPER)) / 5) / 100
SEEDS = (0, 1, 2, 3, 4)
# As `extract` writes them, of all settings those that a comparison asks for; no other file or code is read for them.
TSM = {
    "backbone": "tsm_resnet50",
    "weights": "TSM_kinetics_RGB_resnet50_shift8_blockres_avg_segment8_e50.pth",
    "segments": 10,
    "frames_per_segment": 8,
    "preprocess": {
        "resize": 256, "crop": 224, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225],
        "interpolation": "bilinear", "aspect": "kept",
        "rounding": "whole grey levels after each pass of the resize, as Pillow",
    },
}  # fmt: skip
VA_CNN = {
    "backbone": "va_cnn",
    "weights": "weights.safetensors",
    "segments": 10,
    "pictures": "segment",
    "timm_model": "resnet50",
    "image_size": 224,
    "legacy_sequence_stretch": False,
    "legacy_sequence_actors": False,
}


def call(*arguments: object) -> int:
    with pytest.raises(SystemExit) as end:
        run_cli(partial(app, [str(argument) for argument in arguments]))
    return int(end.value.code or 0)


def caches_of(**streams: object) -> dict[str, Any]:
    return {name: {"content_sha256": "0" * 64, "settings": settings} for name, settings in streams.items()}


def provenance(recipe: Recipe) -> dict[str, Any]:
    streams = {
        name: {"tsm_resnet50": TSM, "va_cnn": VA_CNN}[own.backbone] for name, own in recipe.stream_configs.items()
    }
    return {
        "recipe": complete_recipe(recipe).model_dump(),
        "caches": caches_of(**streams),
        "random_weights": False,
        "labels": recipe.labels.share,
        "clips": {"train": 216, "validation": 24, "test": 240},
    }


def write_run(
    folder: Path,
    curve: Callable[[int], np.ndarray] = lambda seed: CURVE,
    *,
    row: str = "table1-sysu-with",
    method: str = WITH,
    protocol: str = SYSU,
    classes: int = 12,
    seeds: tuple[int, ...] = SEEDS,
    subfolder: str = "",
    **about: object,
) -> Path:
    """Write what `reproduce` writes for one method: the table, and predictions with their provenance."""
    made = provenance(read_recipe(Path(row))) | about
    none = (np.zeros(1, dtype=np.int64), ("g",), np.zeros((1, len(curve(0))), dtype=np.bool_))
    scores = [
        Scores(method, protocol, seed, curve(seed), curve(seed), made["clips"], classes, classes, made, *none,
               0 * curve(seed), None)
        for seed in seeds
    ]  # fmt: skip
    table = folder / subfolder / "table.csv"
    table.parent.mkdir(parents=True, exist_ok=True)
    table.write_text(render_csv(make_table({method: scores})))
    names = tuple(f"class {n}" for n in range(classes))
    uniform = np.full((1, len(curve(0)), classes), 1 / classes, dtype=np.float32)
    for seed in seeds:
        path = folder / "predictions" / subfolder / f"with-seed{seed}.h5"
        write_predictions(path, Predictions(uniform, ("a",), protocol, method, seed, names, made))
    return folder


def checked(folder: Path, recipe: str = "table1-sysu-with") -> Any:
    (row,) = check_rows([read_recipe(Path(recipe))], {"sysu": folder, "ntu60": folder, "ucf101": folder})
    return row


def test_the_papers_own_numbers_are_inside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(tmp_path)
    row = checked(tmp_path)
    assert (row.verdict, row.why, row.seeds) == ("inside", (), 5)
    assert [number.column for number in row.numbers] == ["20%", "40%", "60%", "80%", "100%", "AUC"]
    assert [number.published for number in row.numbers] == [*PAPER, 78.8]
    assert [number.difference for number in row.numbers] == pytest.approx([0] * 6, abs=1e-3)
    assert [number.tolerance for number in row.numbers] == pytest.approx([4.0] * 6)
    assert call("check", "table1-sysu-with", "--out", tmp_path) == 0
    output = capsys.readouterr()
    assert "| AUC | 78.8 ± 0.0 | 78.8 | +0.0 | 4.0 | inside |" in re.sub(" +", " ", output.out.replace("-0.0", "+0.0"))
    assert "**inside** over 5 seeds" in output.out
    assert output.out.splitlines()[-1] == "1 inside"


@pytest.mark.parametrize(("shift", "verdict"), [(3.9, "inside"), (-3.9, "inside"), (4.1, "outside"), (-4.1, "outside")])
def test_a_higher_number_is_outside_too(tmp_path: Path, shift: float, verdict: str) -> None:
    row = checked(write_run(tmp_path, lambda seed: CURVE + shift / 100))
    assert row.verdict == verdict
    assert passed([row]) == (verdict == "inside")


def test_one_number_outside_makes_the_row_outside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    early = CURVE.copy()
    early[1] -= 0.05
    row = checked(write_run(tmp_path, lambda seed: early))
    assert [number.inside for number in row.numbers] == [False, True, True, True, True, True]
    assert call("check", "table1-sysu-with", "--out", tmp_path) == 1
    assert "| 20% | 62.1 ± 0.0 | 67.1 | -5.0 | 4.0 | outside |" in re.sub(" +", " ", capsys.readouterr().out)


def test_the_spread_over_seeds_widens_the_tolerance_up_to_a_limit() -> None:
    assert allowed(2.0, Summary(90.0), 1) == 2.0
    assert allowed(2.0, Summary(90.0, 0.5), 4) == pytest.approx(2.0 + 2 * 0.5 * (1.25**0.5))
    assert allowed(2.0, Summary(90.0, 30.0), 5) == 4.0


def test_the_spread_comes_from_the_table(tmp_path: Path) -> None:
    row = checked(write_run(tmp_path, lambda seed: CURVE + 0.01 * (seed - 2)))
    std = np.std([-2, -1, 0, 1, 2], ddof=1)
    assert [number.tolerance for number in row.numbers] == pytest.approx([4 + 2 * std * 1.2**0.5] * 6, rel=1e-4)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"protocol": f"{SYSU}-subset"}, "the run is of sysu-xsub-fixed-subset, a subset; the published row is of"),
        ({"protocol": "sysu-setting2-split00"}, "the run is of sysu-setting2-split00, another protocol"),
        ({"protocol": f"{SYSU}-holdout-1"}, "another protocol"),
        ({"clips": {"train": 216, "validation": 23, "test": 240}}, "239 training and 240 test clips are not"),
        ({"clips": {"train": 240, "validation": 0, "test": 239}}, "are not the whole of sysu-xsub-fixed"),
        ({"classes": 11}, "11 classes, 240 training"),
        ({"random_weights": True}, "the features are of a network with random weights"),
        ({"seeds": (0, 1, 2)}, "the run is not finished: its table is of 3 of the recipe's 5 seeds"),
        ({"seeds": (5, 6, 7, 8, 9)}, "its table is of 0 of the recipe's 5 seeds"),
        ({"curve": lambda seed: np.linspace(0.6, 0.9, 5)}, "the run has 5 segments; the published row has 10"),
        ({"caches": caches_of(rgb=TSM)}, "the features are of tsm_resnet50; recipe sysu has tsm_resnet50 + va_cnn"),
        ({"caches": {}}, "the features are of an unknown backbone"),
        ({"method": "Teacher-student only, early fusion"}, "no run of it has ended in"),
        ({"subfolder": "labels-0.1"}, "no run of it has ended in"),
    ],
)  # fmt: skip
def test_another_experiment_than_the_published_one_never_passes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], why: str
) -> None:
    row = checked(write_run(tmp_path, **changes))
    assert row.verdict == "not comparable"
    assert any(why in sentence for sentence in row.why), row.why
    assert not row.numbers
    assert call("check", "table1-sysu-with", "--out", tmp_path) == 1
    output = capsys.readouterr()
    assert why in output.out
    assert output.err == ""


def test_settings_that_differ_from_the_recipe_are_named(tmp_path: Path) -> None:
    made = provenance(read_recipe(Path("table1-sysu-with")))
    made["recipe"]["training"]["epochs"] = 7
    (sentence,) = checked(write_run(tmp_path, **made)).why
    assert sentence == "the run has other settings than the recipe (training.epochs: 7 there, 100 wanted)"


@pytest.mark.parametrize("backbone", ["efficientnet_lite0", "tsm_mobilenetv2", "tsm_resnet50_nl", "va_cnn"])
def test_another_video_network_is_not_compared(tmp_path: Path, backbone: str) -> None:
    made = {"caches": caches_of(rgb=TSM | {"backbone": backbone}, skeleton=VA_CNN)}
    (sentence,) = checked(write_run(tmp_path, **made)).why
    assert sentence == f"the features are of {backbone} + va_cnn; recipe sysu has tsm_resnet50 + va_cnn"


def test_an_additional_stream_is_another_experiment(tmp_path: Path) -> None:
    made = {"caches": caches_of(rgb=TSM, skeleton=VA_CNN, depth=TSM | {"backbone": "efficientnet_lite0"})}
    (sentence,) = checked(write_run(tmp_path, **made)).why
    assert sentence.startswith("the features are of efficientnet_lite0 + tsm_resnet50 + va_cnn;")


@pytest.mark.parametrize(
    ("key", "value", "difference"),
    [
        ("weights", "none", "weights: none there, a released file wanted"),
        ("segments", 5, "segments: 5 there, 10 wanted"),
        ("frames_per_segment", 4, "frames_per_segment: 4 there, 8 wanted"),
        ("preprocess", TSM["preprocess"] | {"crop": 112}, "preprocess.crop: 112 there, 224 wanted"),
        ("frames_per_segment", None, "frames_per_segment: not stated there"),
        ("pictures", "both", "pictures: both there, segment wanted"),
        ("image_size", 64, "image_size: 64 there, 224 wanted"),
        ("timm_model", "resnet18", "timm_model: resnet18 there, resnet50 wanted"),
        ("legacy_sequence_actors", True, "legacy_sequence_actors: True there, False wanted"),
    ],
)
def test_features_of_other_settings_are_not_compared(tmp_path: Path, key: str, value: object, difference: str) -> None:
    rgb, skeleton = ({k: v for k, v in own.items() if k != key} for own in (TSM, VA_CNN))
    if value is not None:
        rgb |= {key: value} if key in TSM else {}
        skeleton |= {key: value} if key in VA_CNN and key != "weights" else {}
    skeleton.setdefault("weights", VA_CNN["weights"])
    row = checked(write_run(tmp_path, caches=caches_of(rgb=rgb, skeleton=skeleton)))
    assert (row.verdict, row.numbers, passed([row])) == ("not comparable", (), False)
    backbone = "tsm_resnet50" if key in TSM else "va_cnn"
    assert row.why[0] == f"the features of {backbone} differ from those of recipe sysu ({difference})"


@pytest.mark.parametrize(("settings", "stream"), [(TSM, "rgb"), (VA_CNN, "skeleton")])
def test_the_compared_settings_are_written_by_the_extraction(settings: dict[str, Any], stream: str) -> None:
    """Otherwise no run could be compared. The weights are left out because the file is not in the repository."""
    table = read_recipe(Path("sysu")).streams[stream]
    if stream == "rgb":
        backbone = load_backbone(
            Extract(backbone=table.backbone, weights="random", frames_per_segment=table.frames_per_segment)
        )
    else:
        backbone = load_backbone(
            Extract(backbone="va_cnn", weights="random", segments=table.segments, pictures=table.pictures)
        )
    written = recording_settings(table, "pyav", backbone.input) | backbone.settings | {"weights": settings["weights"]}
    assert {key: json.loads(json.dumps(written))[key] for key in settings} == settings


def test_another_released_file_is_compared_with_a_remark(tmp_path: Path) -> None:
    """The paper does not say which file it used."""
    file = read_weights()["tsm-r50-8f-dense-kinetics400"].file
    row = checked(write_run(tmp_path, caches=caches_of(rgb=TSM | {"weights": file}, skeleton=VA_CNN)))
    assert row.verdict == "inside"
    assert row.remarks == (f"the features are of {file}; recipe sysu uses {TSM['weights']}",)


def test_the_names_of_the_va_cnn_file_and_of_the_streams_do_not_matter(tmp_path: Path) -> None:
    caches = caches_of(bones=VA_CNN | {"weights": "mine.safetensors", "column": "path_bones"}, video=TSM)
    assert checked(write_run(tmp_path, caches=caches)).verdict == "inside"


def test_students_trained_differently_are_compared_with_a_remark(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "own.toml").write_text(
        'name = "own"\nbase = "sysu"\nmethods = ["with"]\n[student]\nhidden = 6\n[training]\nepochs = 2\n'
        "[streams.skeleton.va_cnn]\nepochs = 3\n"
    )
    write_run(tmp_path, row=str(tmp_path / "own.toml"))
    row = checked(tmp_path, str(tmp_path / "own.toml"))
    assert row.verdict == "inside"
    (remark,) = row.remarks
    assert remark == (
        "trained differently from recipe sysu: student.hidden: 6 there, 512 wanted, training.epochs: 2 there, "
        "100 wanted, va_cnn.epochs: 3 there, 100 wanted"
    )
    assert call("check", tmp_path / "own.toml", "--out", tmp_path) == 0
    assert f"({remark})" in capsys.readouterr().out


def test_there_is_no_remark_on_a_va_cnn_that_the_recipe_does_not_train(tmp_path: Path) -> None:
    table = (RECIPES / "ntu60.toml").read_text()
    own = table[: table.index("[extract]")] + table[table.index("[teacher]") :]  # the features are given
    (tmp_path / "own.toml").write_text(own.replace("gradient_clip = 5.0", "gradient_clip = 1.0"))
    classes, train, test = WHOLE["ntu60-xsub"]
    write_run(
        tmp_path,
        row=str(tmp_path / "own.toml"),
        method="With distillation",
        protocol="ntu60-xsub",
        classes=classes,
        clips={"train": train, "validation": 0, "test": test},
        caches=caches_of(features=VA_CNN),
    )
    _, row = check_rows([read_recipe(tmp_path / "own.toml")], {"ntu60": tmp_path})
    assert row.why == ()
    assert row.remarks == ("trained differently from recipe ntu60: training.gradient_clip: 1.0 there, 5.0 wanted",)


def test_bundled_rows_are_compared_without_a_remark(tmp_path: Path) -> None:
    """Their features and their training are those of the bundled recipes."""
    compared = []
    for path in RECIPES.glob("rows/table*.toml"):
        recipe, out = read_recipe(path), tmp_path / path.stem
        classes, train, test = WHOLE[recipe.data.protocol]
        write_run(
            out,
            row=str(path),
            method=row_name(recipe.methods[0], "early fusion" if recipe.streams else ""),
            protocol=recipe.data.protocol,
            classes=classes,
            subfolder="" if recipe.labels.fraction == 1 else "labels-0.1",
            clips={"train": train, "validation": 0, "test": test},
        )
        (row,) = check_rows([recipe], {recipe.base or recipe.name: out})
        compared += [row] if row.comparable else []
    assert len(compared) > 10
    assert {(row.why, row.remarks) for row in compared} == {((), ())}


def test_other_features_of_one_seed_are_enough(tmp_path: Path) -> None:
    write_run(tmp_path)
    made = provenance(read_recipe(Path("table1-sysu-with"))) | {"caches": caches_of(rgb=TSM)}
    uniform = np.full((1, 10, 12), 1 / 12, dtype=np.float32)
    names = tuple(f"class {n}" for n in range(12))
    write_predictions(
        tmp_path / "predictions" / "with-seed3.h5", Predictions(uniform, ("a",), SYSU, WITH, 3, names, made)
    )
    assert checked(tmp_path).verdict == "not comparable"


def test_rows_that_cannot_be_compared_at_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("check", "utd-mhad-methods", "--out", tmp_path) == 1
    assert "nothing is published of it under utd-mhad-xsub with all of the training labels" in capsys.readouterr().out
    row = checked(tmp_path, "table2-ntu60-knn")
    assert row.verdict == "nothing to compare with"
    assert "the published row was measured on RGB-D features, which nothing here makes" in row.why
    assert "its AUC has another definition, or one that is not stated" in row.why
    assert not passed([row])
    assert call("check", "ucf101-six", "--out", tmp_path) == 1


def test_rows_without_a_published_counterpart_decide_nothing(tmp_path: Path) -> None:
    inside = checked(write_run(tmp_path))
    without, outside = replace(inside, comparable=False, numbers=()), replace(inside, why=("unfinished",))
    assert passed([inside, without])
    assert not passed([without])
    assert not passed([inside, outside])
    assert not passed([replace(inside, numbers=())])
    assert not passed([])


def test_few_labels_have_their_own_rows_tolerance_and_remark(tmp_path: Path) -> None:
    write_run(tmp_path, row="table3-sysu-with", subfolder="labels-0.1", features_saw_labels=True)
    row = checked(tmp_path, "table3-sysu-with")
    assert (row.verdict, row.labels) == ("outside", "10%")
    assert [number.published for number in row.numbers] == [50.0, 59.6, 66.7, 69.2, 73.8, 61.0]
    assert row.numbers[0].tolerance == pytest.approx(6.0)
    assert "trained with all labels" in row.remarks[0]


def test_one_folder_holds_runs_of_all_and_of_few_labels(tmp_path: Path) -> None:
    """They have the same method and seeds, and each is compared by its own provenance."""
    write_run(tmp_path)
    write_run(tmp_path, row="table3-sysu-with", subfolder="labels-0.1", random_weights=True)
    assert checked(tmp_path).verdict == "inside"
    assert checked(tmp_path, "table3-sysu-with").why == ("the features are of a network with random weights",)


def test_a_suite_is_checked_row_by_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(tmp_path / "sysu")
    assert call("check", "table1", "--out", tmp_path, "--json") == 1
    output = json.loads(capsys.readouterr().out)
    _, rows = read_suite(Path(__file__).parents[3] / "manifests" / "recipes" / "suites" / "table1.toml")
    assert [row["row"] for row in output["rows"]] == [row.name for row in rows]
    verdicts = {row["row"]: row["verdict"] for row in output["rows"]}
    assert verdicts.pop("table1-sysu-with") == "inside"
    assert set(verdicts.values()) == {"not comparable"}
    assert output["passed"] is False
    (number, *_) = next(row["numbers"] for row in output["rows"] if row["verdict"] == "inside")
    assert number == {
        "column": "20%", "ours": pytest.approx(67.1), "ours_std": 0, "published": 67.1,
        "difference": pytest.approx(0, abs=1e-3), "tolerance": 4, "inside": True,
    }  # fmt: skip


def test_every_row_that_could_be_reproduced_has_a_tolerance() -> None:
    rows = [row for row in read_published() if row.mark == "verified" and row.protocol != "not-stated"]
    ours = [row for row in rows if set(row.features.split(" + ")) <= MADE_HERE]
    assert len(ours) > 10
    assert {(row.protocol, row.labels) for row in ours} == TOLERANCES.keys()
    assert {key: bundled_recipe(*key).name for key in TOLERANCES} == {
        ("ucf101-early-15-3-7", "all"): "ucf101",
        ("ucf101-early-15-3-7", "10%"): "table3-ucf101-with",
        ("sysu-xsub-fixed", "all"): "sysu",
        ("sysu-xsub-fixed", "10%"): "table3-sysu-with",
        ("ntu60-xsub", "all"): "ntu60",
    }
    assert {protocol for protocol, _ in TOLERANCES} <= WHOLE.keys()


@pytest.mark.parametrize("damage", ["table", "predictions"])
def test_damaged_files_are_named(tmp_path: Path, damage: str) -> None:
    write_run(tmp_path)
    path = tmp_path / ("table.csv" if damage == "table" else "predictions/with-seed0.h5")
    path.write_text("method,seeds\nx,1\n" if damage == "table" else "no HDF5")
    with pytest.raises(UserError, match=f"{path.name} is not a .* run the same `reproduce` again"):
        checked(tmp_path)


@pytest.mark.parametrize(
    ("about", "problem"),
    [
        ({"caches": {"rgb": {"content_sha256": "0"}}}, "caches.rgb.settings: this is required"),
        ({"caches": {"rgb": "a.h5"}}, "caches.rgb: must be a section"),
        ({"caches": None}, "caches: must be a section"),
        ({"caches": {"rgb": {"settings": []}}}, "caches.rgb.settings: must be a section"),
        ({"clips": {"train": "216", "validation": 24, "test": 240}}, "clips.train: must be an integer, not '216'"),
        ({"recipe": "sysu"}, "recipe: must be a section"),
        ({"labels": 1}, "labels: must be text in quotation marks, not 1"),
        ({"random_weights": "no"}, "random_weights: must be true or false, not 'no'"),
    ],
)
def test_wrong_provenance_is_an_error_that_names_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], about: dict[str, Any], problem: str
) -> None:
    write_run(tmp_path)
    path = tmp_path / "predictions" / "with-seed1.h5"
    with h5py.File(path, "a") as file:
        file.attrs["provenance"] = json.dumps(json.loads(file.attrs["provenance"]) | about)
    assert call("check", "table1-sysu-with", "--out", tmp_path) == 1
    output = capsys.readouterr()
    assert f"{path} is not a predictions file that `reproduce` wrote (its provenance: {problem}" in output.err
    assert "Traceback" not in output.err


def test_empty_provenance_cannot_be_compared(tmp_path: Path) -> None:
    write_run(tmp_path)
    with h5py.File(tmp_path / "predictions" / "with-seed1.h5", "a") as file:
        file.attrs["provenance"] = "{}"
    row = checked(tmp_path)
    assert "the features are of an unknown backbone; recipe sysu has tsm_resnet50 + va_cnn" in row.why
    with h5py.File(tmp_path / "predictions" / "with-seed1.h5", "a") as file:
        file.attrs["provenance"] = "[]"
    with pytest.raises(UserError, match=r"with-seed1\.h5 is not a predictions file that `reproduce` wrote"):
        checked(tmp_path)


def test_a_stray_file_among_the_predictions_is_to_be_removed(tmp_path: Path) -> None:
    write_run(tmp_path)
    with h5py.File(tmp_path / "predictions" / "features.h5", "w") as file:
        file["features"] = np.zeros(3)
    with pytest.raises(UserError, match=r"predictions/features\.h5 is not .*; remove it, and if `reproduce` wrote it"):
        checked(tmp_path)
    (tmp_path / "predictions" / "features.h5").unlink()
    assert checked(tmp_path).verdict == "inside"
    shutil.copy(tmp_path / "predictions" / "with-seed0.h5", tmp_path / "predictions" / "copy.h5")
    with pytest.raises(UserError, match=r"copy\.h5 and .*with-seed0\.h5 are both of .* early fusion, seed 0; remove"):
        checked(tmp_path)


def test_a_second_line_of_a_method_is_refused(tmp_path: Path) -> None:
    table = write_run(tmp_path) / "table.csv"
    (line,) = (line for line in table.read_text().splitlines() if line.startswith('"With'))
    table.write_text(table.read_text() + line.replace("67.1", "97.1") + "\n")
    with pytest.raises(UserError, match=f"table.csv has 2 lines of {WITH}, not one; run the same `reproduce` again"):
        checked(tmp_path)


@pytest.mark.parametrize("change", [lambda line: line[:60], lambda line: line + ",1,2"])
def test_a_damaged_line_is_an_error(tmp_path: Path, change: Callable[[str], str]) -> None:
    table = write_run(tmp_path) / "table.csv"
    lines = [change(line) if line.startswith('"With') else line for line in table.read_text().splitlines()]
    table.write_text("\n".join(lines))
    with pytest.raises(UserError, match=r"table\.csv is not a table that `reproduce` wrote"):
        checked(tmp_path)


def test_a_table_of_no_seeds_is_not_finished(tmp_path: Path) -> None:
    table = write_run(tmp_path) / "table.csv"
    table.write_text(table.read_text().replace(f'"{WITH}",{SYSU},5,', f'"{WITH}",{SYSU},0,'))
    assert "its table is of 0 of the recipe's 5 seeds" in checked(tmp_path).why[0]


SMALL_MODELS = (Path(__file__).parents[2] / "data" / "small_models.toml").read_text()
RECIPE = (
    f"""
name = "trial"
seeds = [0, 1]
methods = ["without", "with"]
[data]
dataset = "ucf101"
protocol = "{UCF}"
"""
    + SMALL_MODELS
)


@pytest.fixture
def on_one_core() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def real_run(tmp_path: Path, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Reproduce the trial from a cache with these settings; return the test labels."""
    classes, splits = ("a", "b", "c"), {"train": 6, "validation": 3, "test": 6}
    clips = [
        (f"{split}{n}", f"{split}{n}", n % 3, classes[n % 3], "g", split, UCF)
        for split, k in splits.items()
        for n in range(k)
    ]
    columns = ["clip_id", "path", "label", "class_name", "group", "split", "protocol"]
    write_manifest(Manifest(pd.DataFrame(clips, columns=columns), classes), tmp_path / "m.csv")
    noise = np.random.default_rng(0)
    rows = [Row(clip[0], noise.normal(size=(10, 3)).astype(np.float32), 30, True) for clip in clips]
    write_cache(tmp_path / "f.h5", rows, [row.clip_id for row in rows], (10, 3), settings)
    (tmp_path / "trial.toml").write_text(RECIPE)
    monkeypatch.setitem(WHOLE, UCF, (3, 9, 6))
    inputs = PipelineInputs(tmp_path / "out", manifest=tmp_path / "m.csv", caches={"features": tmp_path / "f.h5"})
    reproduce(read_recipe(tmp_path / "trial.toml"), inputs, Machine(device="cpu"), notify=lambda _: None)
    return {clip[0]: clip[2] for clip in clips if clip[5] == "test"}


def test_a_real_run_over_features_of_another_kind_has_no_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], on_one_core: None
) -> None:
    real_run(tmp_path, {"backbone": "tsm_resnet50", "weights": "none"}, monkeypatch)
    monkeypatch.setitem(TOLERANCES, (UCF, "all"), Tolerance(100.0, "a trial"))
    assert call("check", tmp_path / "trial.toml", "--out", tmp_path / "out") == 1
    output = capsys.readouterr().out
    why = "the features of tsm_resnet50 differ from those of recipe ucf101 (weights: none there, a released "
    assert output.count(f"**not comparable**: {why}") == 2
    assert "segments: not stated there, frames_per_segment: not stated there" in output
    assert "inside**" not in output


def test_a_real_run_from_features_to_the_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], on_one_core: None
) -> None:
    """NumPy computes the numbers from the predictions. The test labels are deleted before `check` runs."""
    labels = real_run(tmp_path, TSM, monkeypatch)
    recipe = read_recipe(tmp_path / "trial.toml")
    (tmp_path / "m.csv").unlink()
    runs = [read_predictions(tmp_path / "out" / "predictions" / f"with-seed{seed}.h5") for seed in (0, 1)]
    own = []
    for run in runs:
        guesses = pd.DataFrame(run.probabilities.argmax(axis=2), index=run.clip_ids).loc[[*labels]]
        own.append(100 * (guesses.to_numpy() == np.array([*labels.values()])[:, None]).mean(axis=0))
    without, row = check_rows([recipe], {"trial": tmp_path / "out"})
    assert (without.method, row.method) == ("Without distillation", "With distillation")
    assert [number.ours.mean for number in row.numbers] == pytest.approx(
        [*np.mean(own, axis=0)[1::2], np.mean(own)], rel=1e-4
    )
    assert row.verdict == "outside"
    assert call("check", tmp_path / "trial.toml", "--out", tmp_path / "out") == 1
    monkeypatch.setitem(TOLERANCES, (UCF, "all"), Tolerance(100.0, "a trial"))
    assert call("check", tmp_path / "trial.toml", "--out", tmp_path / "out") == 0
    output = capsys.readouterr().out
    assert output.count("**inside** over 2 seeds (trained differently from recipe ucf101: ") == 2
    assert "student.hidden: 6 there, 512 wanted" in output
    assert "training.epochs: 3 there, 100 wanted" in output
