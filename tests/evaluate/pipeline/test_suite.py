"""Suites from synthetic caches to the printed table: what is run, and what is compared with published rows."""

import csv
import json
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from common.command_line import run_cli
from common.errors import UserError
from evaluate.commands.app import app
from evaluate.commands.options import InputOptions, inputs_of_recipe, inputs_of_suite, with_seeds
from evaluate.pipeline.inputs import PipelineInputs, SuiteInputs
from evaluate.pipeline.suite import SuiteResult, run_suite
from evaluate.scoring.predictions import read_predictions
from extract.cache_rows import Row
from extract.cache_writer import write_cache
from extract.machine import Machine
from manifests.manifest import Manifest, write_manifest
from manifests.published import WHOLE
from manifests.recipes.recipe import Recipe, read_recipe
from manifests.recipes.suite import merge_rows, read_suite

SYSU, UCF = "sysu-xsub-fixed", "ucf101-early-15-3-7"
CLASSES = ("drink", "pour", "sweep")
SPLITS = {"train": 6, "validation": 3, "test": 6}
MACHINE = Machine(device="cpu")
SMALL_MODELS = (Path(__file__).parents[2] / "data" / "small_models.toml").read_text()
BASE = (
    """
name = "{name}"
seeds = [0, 1]
[data]
dataset = "{dataset}"
protocol = "{protocol}"
"""
    + SMALL_MODELS
)
PAPER = {  # typed from Table 1 and section 3.2: 20, 40, … 100 %, AUC
    "without": (65.4, 76.7, 81.7, 84.2, 85.0, 76.5),
    "teacher_student": (None, None, None, None, None, 77.6),
    "with": (67.1, 79.2, 84.2, 85.8, 87.1, 78.8),
}
TITLES = {
    "without": "Without distillation",
    "teacher_student": "Teacher-student only",
    "with": "With distillation",
}


@pytest.fixture(scope="module", autouse=True)
def on_one_core() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def write_data(folder: Path, protocol: str, segments: int = 10) -> None:
    """Write a manifest m.csv, and a cache f.h5 whose features are the class plus noise."""
    columns = ["clip_id", "path", "label", "class_name", "group", "split", "protocol"]
    rows = [
        (f"{split}{number}", f"{split}{number}", number % 3, CLASSES[number % 3], "s1", split, protocol)
        for split, count in SPLITS.items()
        for number in range(count)
    ]
    clips = pd.DataFrame(rows, columns=columns)
    write_manifest(Manifest(clips, CLASSES), folder / "m.csv")
    noise = np.random.default_rng(0)
    features = [
        (np.eye(3)[n] + noise.normal(size=(segments, 3))).astype(np.float32) for n in clips["label"].astype(int)
    ]
    names = clips["clip_id"].tolist()
    cached = [Row(name, row, 30, True) for name, row in zip(names, features, strict=True)]
    write_cache(folder / "f.h5", cached, names, (segments, 3), {"backbone": "made-up", "weights": "none"})


def write_suite(folder: Path, few: bool = False) -> Path:
    """Write a suite with three rows of SYSU and one of UCF101; with `few`, also a row with a tenth of the labels."""
    for name, dataset, protocol in (("sy", "sysu", SYSU), ("uc", "ucf101", UCF)):
        (folder / f"{name}.toml").write_text(BASE.format(name=name, dataset=dataset, protocol=protocol))
    rows = {f"sy-{method}": ("sy", method, "") for method in PAPER} | {"uc-with": ("uc", "with", "")}
    rows |= {"sy-few": ("sy", "with", "[labels]\nfraction = 0.1\n")} if few else {}
    for name, (base, method, more) in rows.items():
        text = f'name = "{name}"\nbase = "{base}.toml"\nmethods = ["{method}"]\n{more}'
        (folder / f"{name}.toml").write_text(text)
    listed = ", ".join(f'"{name}.toml"' for name in rows)
    (folder / "p.toml").write_text(f'name = "p"\ntitle = "Table 1: trial"\nrows = [{listed}]\n')
    return folder / "p.toml"


def run_on_sysu(folder: Path, protocol: str = SYSU, segments: int = 10, few: bool = False) -> SuiteResult:
    write_data(folder, protocol, segments)
    suite, rows = read_suite(write_suite(folder, few))
    inputs = {
        "sy": PipelineInputs(folder / "out" / "sy", manifest=folder / "m.csv", caches={"features": folder / "f.h5"})
    }
    return run_suite(suite, rows, SuiteInputs(folder / "out", inputs), MACHINE, notify=lambda _: None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("suite")


@pytest.fixture(scope="module")
def ended(folder: Path) -> Iterator[SuiteResult]:
    """Return a suite that was run on a small SYSU, without UCF101. Tests must not write into it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(WHOLE, SYSU, (3, 9, 6))
        yield run_on_sysu(folder, few=True)


def in_csv(result: SuiteResult) -> dict[tuple[str, str], dict[str, str]]:
    """Return the cells by (row, numbers)."""
    lines = csv.DictReader(result.table_file.with_suffix(".csv").read_text().splitlines())
    return {(line["row"], line["numbers"]): line for line in lines}


def test_our_numbers_and_the_differences_follow_from_the_predictions(ended: SuiteResult) -> None:
    """The numbers are computed with NumPy from the predictions; the paper's numbers are typed by hand."""
    cells = in_csv(ended)
    clips = pd.read_csv(ended.table_file.parent.parent / "m.csv")
    labels = clips[clips["split"] == "test"].set_index("clip_id")["label"]
    for method, (*curve, auc) in PAPER.items():
        runs = []
        for seed in (0, 1):
            file = read_predictions(ended.table_file.parent / "sy" / "predictions" / f"{method}-seed{seed}.h5")
            guessed = pd.DataFrame(file.probabilities.argmax(axis=2), index=file.clip_ids).loc[labels.index]
            runs.append(100 * (guessed.to_numpy() == labels.to_numpy()[:, None]).mean(axis=0))
        columns = [*(f"accuracy_{ratio}" for ratio in (20, 40, 60, 80, 100)), "auc"]
        own = [[run[1], run[3], run[5], run[7], run[9], run.mean()] for run in runs]
        published, ours, difference = (cells[f"sy-{method}", kind] for kind in ("published", "ours", "difference"))
        for column, printed, values in zip(columns, (*curve, auc), np.transpose(own), strict=True):
            assert float(ours[column]) == pytest.approx(values.mean(), rel=1e-5)
            assert float(ours[f"{column}_std"]) == pytest.approx(values.std(ddof=1), rel=1e-5, abs=1e-9)
            assert (published[column], published[f"{column}_std"]) == ("" if printed is None else f"{printed:g}", "")
            if printed is None:
                assert difference[column] == ""
            else:
                assert float(difference[column]) == pytest.approx(values.mean() - printed, rel=1e-4, abs=1e-4)
                assert difference[f"{column}_std"] == ours[f"{column}_std"]


def test_markdown_and_csv_have_the_same_numbers(ended: SuiteResult) -> None:
    text, cells = ended.table_file.read_text(), in_csv(ended)
    lines = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| ")
    ]
    own = next(index for index, line in enumerate(lines) if line[0] == "With distillation")
    assert lines[own][1:3] == ["published", "Tran et al., ICIP 2021; Table 1; TSM + VA-CNN; verified"]
    assert lines[own][3:] == ["67.1", "79.2", "84.2", "85.8", "87.1", "78.8"]
    ours, difference = (cells["sy-with", kind] for kind in ("ours", "difference"))
    assert lines[own + 1][:3] == ["", "ours", "2 seeds"]
    assert lines[own + 1][3] == f"{float(ours['accuracy_20']):.1f} ± {float(ours['accuracy_20_std']):.1f}"
    assert lines[own + 2][:3] == ["", "difference", ""]
    assert lines[own + 2][-1] == f"{float(difference['auc']):+.1f} ± {float(difference['auc_std']):.1f}"
    assert "3 classes; 6 train, 3 validation, 6 test clips; 2 seeds; backbone made-up (none)." in text
    assert text.startswith("# Table 1: trial\n")


def test_rows_without_inputs_are_in_the_table_with_the_missing_option(ended: SuiteResult) -> None:
    cells = in_csv(ended)
    assert cells["uc-with", "published"]["auc"] == "92"
    assert cells["uc-with", "ours"]["source"] == "not run: give --videos uc=DIR"
    assert cells["uc-with", "ours"]["auc"] == ""
    assert ("uc-with", "difference") not in cells
    text = ended.table_file.read_text()
    assert "| ours not run: give --videos uc=DIR – – – – – –" in " ".join(text.replace(" |", " ").split())
    assert not (ended.table_file.parent / "uc").exists()


def test_rows_of_a_base_are_trained_together_in_its_folder(ended: SuiteResult) -> None:
    out = ended.table_file.parent
    runs = {path.parent.relative_to(out / "sy" / "runs").as_posix() for path in out.rglob("done.json")}
    models = ("teacher", *PAPER)
    few = {f"labels-0.1/seed{seed}/{model}" for seed in (0, 1) for model in ("teacher", "with")}
    assert runs == {f"seed{seed}/{model}" for seed in (0, 1) for model in models} | few
    assert {path.name for path in out.iterdir()} == {"sy", "p.md", "p.csv", "p.tex"}
    table = (out / "sy" / "table.md").read_text()
    assert all(f"| {title} " in table for title in TITLES.values())
    assert (out / "sy" / "labels-0.1" / "table.md").exists()
    assert [section.labels for section in ended.sections] == ["all", "all", "10%"]
    assert in_csv(ended)["sy-few", "published"]["auc"] == "61"


def test_a_second_run_trains_nothing_and_gives_the_same_table(
    ended: SuiteResult, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(WHOLE, SYSU, (3, 9, 6))
    stamps = {path: path.stat().st_mtime_ns for path in ended.table_file.parent.rglob("weights.safetensors")}
    files = [ended.table_file.with_suffix(suffix) for suffix in (".md", ".csv", ".tex")]
    before = [file.read_bytes() for file in files]
    run_on_sysu(folder, few=True)
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    assert [file.read_bytes() for file in files] == before


@pytest.mark.parametrize(
    ("protocol", "segments", "whole", "note"),
    [
        (
            SYSU,
            10,
            (12, 240, 240),
            "not comparable: 3 classes and 6 train, 3 validation, 6 test clips are not the whole",
        ),
        (f"{SYSU}-subset", 10, (3, 9, 6), f"not comparable: protocol {SYSU}-subset"),
        (SYSU, 5, (3, 9, 6), "not comparable: 5 segments"),
    ],
)
def test_other_clips_are_never_compared_with_the_paper_and_a_note_says_why(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    protocol: str,
    segments: int,
    whole: tuple[int, int, int],
    note: str,
) -> None:
    monkeypatch.setitem(WHOLE, SYSU, whole)
    cells = in_csv(run_on_sysu(tmp_path, protocol, segments))
    for method in PAPER:
        assert note in cells[f"sy-{method}", "ours"]["source"]
        assert (f"sy-{method}", "difference") not in cells


def recipes(folder: Path) -> list[Recipe]:
    return merge_rows(read_suite(write_suite(folder))[1])


def test_inputs_are_assigned_by_name(tmp_path: Path) -> None:
    streams = read_recipe(Path("sysu"))
    found = inputs_of_suite(
        [streams, *recipes(tmp_path)],
        Path("out"),
        InputOptions(["sysu=a", "uc=b=c"], ["sysu=m.csv"], ["sysu.skeleton=s.h5", "uc=u.h5"], True),
    )
    assert found == {
        "sysu": PipelineInputs(Path("out/sysu"), Path("a"), Path("m.csv"), {"skeleton": Path("s.h5")}, True),
        "uc": PipelineInputs(Path("out/uc"), Path("b=c"), None, {"features": Path("u.h5")}, True),
    }
    alone = inputs_of_suite([streams], Path("out"), InputOptions(["/a=b"]))
    assert alone["sysu"].videos == Path("/a=b")


def test_a_recipe_of_a_suite_that_names_its_files_needs_no_option(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text('[data]\ndataset = "other"\nmanifest = "m.csv"\nvideos = "v"\n')
    found = inputs_of_suite([read_recipe(tmp_path / "own.toml")], Path("out"), InputOptions())
    assert found == {"own": PipelineInputs(Path("out/own"))}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (InputOptions(), "there is nothing to run on; give --videos sy=DIR, or give --videos uc=DIR"),
        (InputOptions(["dir"]), "--videos dir: write NAME=PATH, NAME one of sy, uc"),
        (InputOptions(["sy="]), "--videos sy=: write NAME=PATH"),
        (InputOptions(["sy=a", "sy=b"]), "--videos gives two paths for sy: a and b"),
        (InputOptions([], ["nowhere=m.csv"]), "--manifest nowhere=m.csv: write NAME=PATH, NAME one of sy, uc"),
        (InputOptions([], [], ["sy.rgb=f.h5"]), "--cache sy.rgb=f.h5: write NAME=PATH, NAME one of sy, uc"),
    ],
)
def test_inputs_of_no_recipe_are_refused(tmp_path: Path, given: InputOptions, message: str) -> None:
    with pytest.raises(UserError, match=message):
        inputs_of_suite(recipes(tmp_path), Path("out"), given)


def test_one_recipe_has_one_folder() -> None:
    recipe = read_recipe(Path("ucf101"))
    assert inputs_of_recipe(recipe, Path("o"), InputOptions(["a=b"], [], ["f=1.h5"])) == PipelineInputs(
        Path("o"), Path("a=b"), None, {"features": Path("f=1.h5")}
    )
    with pytest.raises(UserError, match="--videos is given 2 times for recipe ucf101; keep one"):
        inputs_of_recipe(recipe, Path("o"), InputOptions(["a", "b"]))


def test_other_seeds() -> None:
    recipe = read_recipe(Path("ucf101"))
    assert with_seeds(recipe, None) is recipe
    assert with_seeds(recipe, "7,3") == recipe.model_copy(update={"seeds": [7, 3]})
    for wrong, message in (
        ("0,a", "write whole numbers"),
        ("0,0", "is given twice"),
        ("-1", "greater than or equal"),
    ):
        with pytest.raises(UserError, match=f"--seeds {wrong}: .*{message}"):
            with_seeds(recipe, wrong)


def call(*arguments: object) -> int:
    with pytest.raises(SystemExit) as end:
        run_cli(partial(app, [str(argument) for argument in arguments]))
    return int(end.value.code or 0)


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(WHOLE, SYSU, (3, 9, 6))
    write_data(tmp_path, SYSU)
    suite = ["reproduce", write_suite(tmp_path), "--out", tmp_path / "out", "--device", "cpu"]
    assert call(*suite) == 1
    assert "error: there is nothing to run on; give --videos sy=DIR" in capsys.readouterr().err
    given = ["--manifest", f"sy={tmp_path / 'm.csv'}", "--cache", f"sy={tmp_path / 'f.h5'}", "--seeds", "5"]
    assert call(*suite, *given) == 0
    output = capsys.readouterr().out
    assert "not run: give --videos uc=DIR" in output
    assert f"table: {tmp_path / 'out' / 'p.md'} (also .csv, .tex)" in output
    assert f"figure: {tmp_path / 'out' / 'sy' / 'figure.png'} (also .svg)" in output
    assert sorted(path.name for path in (tmp_path / "out" / "sy" / "runs").iterdir()) == ["seed5"]

    assert call(*suite, *given, "--json") == 0
    output = json.loads(capsys.readouterr().out)
    assert [(row["row"], row["published"]["auc"]) for row in output["rows"]] == [
        ("sy-without", 76.5),
        ("sy-teacher_student", 77.6),
        ("sy-with", 78.8),
        ("uc-with", 92.0),
    ]
    with_distillation = output["rows"][2]
    by_hand = with_distillation["ours"]["accuracy"]["20"] - 67.1
    assert with_distillation["difference"]["accuracy"]["20"] == pytest.approx(by_hand)
    assert "difference" not in output["rows"][3]
    assert output["rows"][3]["note"] == "not run: give --videos uc=DIR"
    assert {score["seed"] for score in output["scores"]} == {5}
    assert [seconds["base"] for seconds in output["seconds"]] == ["sy"]
    assert {(one["base"], one["baseline"]) for one in output["comparisons"]} == {("sy", "Without distillation")}
    assert all(one["seeds"] == [5] and one["interval_by_seed"] is None for one in output["comparisons"])


def test_the_former_name_of_a_suite_works_with_a_note(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for verb in ("reproduce", "check"):
        assert call(verb, "utd-mhad-programme") == 1
        output = capsys.readouterr()
        assert output.err.startswith("note: utd-mhad-programme is called utd-mhad-suite now; to use results in ")
        assert ("give --videos utd-mhad-" in output.err) == (verb == "reproduce")
        assert ("nothing to compare with" in output.out) == (verb == "check")


def test_a_row_alone_is_a_recipe_like_any_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_data(tmp_path, SYSU)
    write_suite(tmp_path)
    row = ["reproduce", tmp_path / "sy-without.toml", "--out", tmp_path / "out", "--device", "cpu", "--seeds", "0"]
    assert call(*row, "--manifest", tmp_path / "m.csv", "--cache", tmp_path / "f.h5") == 0
    output = capsys.readouterr().out
    assert "\nWithout distillation  " in output
    assert f"in {tmp_path / 'out'}: table, beyond (.md, .csv), table.tex, figure (.png, .svg)" in output


def test_two_suites_in_one_folder_share_features_and_models(ended: SuiteResult, folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    out = tmp_path / "copy" / "out"
    stamps = {path: path.stat().st_mtime_ns for path in out.rglob("weights.safetensors")}
    second = tmp_path / "copy" / "q.toml"
    second.write_text('name = "q"\ntitle = "Q"\nrows = ["sy-with.toml"]\n')
    suite, rows = read_suite(second)
    given = PipelineInputs(out / "sy", manifest=folder / "m.csv", caches={"features": folder / "f.h5"})
    result = run_suite(suite, rows, SuiteInputs(out, {"sy": given}), MACHINE)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("weights.safetensors")} == stamps
    again = in_csv(result)["sy-with", "ours"]
    assert again | {"table": "Table 1: trial", "source": "2 seeds"} == in_csv(ended)["sy-with", "ours"]
    assert (out / "p.md").read_bytes() == ended.table_file.read_bytes()
