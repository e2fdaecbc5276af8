"""Wrong inputs to every command end in one sentence with the right hint, and without a traceback."""

import importlib
import shlex
from pathlib import Path

import h5py
import pandas as pd
import pytest

from common.command_line import run_cli
from manifests.manifest import COLUMNS, Manifest, write_manifest

RANDOM = "--backbone timm:test_resnet --weights random --device cpu"
RECIPE = 'name = "x"\nseeds = [0]\n[data]\ndataset = "other"\nprotocol = "made-up"\n[distillation]\nbeta = 0.5\n'
IS_CSV = "but a CSV file, as manifests are"
IS_HDF5 = "but an HDF5 file, as feature caches and predictions are"
IS_TOML = "but a TOML file, as recipes are"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with one file of each kind, for commands that expect another kind."""
    splits = ("train", "train", "validation", "test")
    classes = ("wave", "jump")
    rows = [
        (f"c{index}", f"c{index}.avi", index % 2, classes[index % 2], f"{index}", split, "made-up")
        for index, split in enumerate(splits)
    ]
    write_manifest(Manifest(pd.DataFrame(rows, columns=list(COLUMNS)), classes), tmp_path / "m.csv")
    (tmp_path / "semicolons.csv").write_text((tmp_path / "m.csv").read_text().replace(",", ";"))
    (tmp_path / "r.toml").write_text(RECIPE)
    (tmp_path / "method.toml").write_text('methods = ["witth"]\n' + RECIPE)
    (tmp_path / "section.toml").write_text(RECIPE + "[eats]\noracle = 1.0\n")
    (tmp_path / "key.toml").write_text(RECIPE + "[east]\norcle = 1.0\n")
    (tmp_path / "tau.toml").write_text(RECIPE + "[student]\ntau = 1\n")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["something"] = 1
    for name in ("empty.csv", "empty.h5", "empty.txt", "empty.toml"):
        (tmp_path / name).touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "c0.avi").touch()
    (tmp_path / "suite" / "ucf101" / "predictions").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EARLY_TRACEBACK", raising=False)
    return tmp_path


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("manifests check nope.csv", "nope.csv is missing"),
        ("manifests check folder", "folder is not a manifest but a folder"),
        ("manifests check other.h5", f"other.h5 is not a manifest {IS_HDF5}"),
        ("manifests check r.toml", f"r.toml is not a manifest {IS_TOML}"),
        ("manifests check empty.csv", "empty.csv is not a manifest but an empty file"),
        ("manifests check semicolons.csv", "its columns are separated by semicolons"),
        ("manifests check m.csv --videos nope", "the video folder nope does not exist"),
        ("manifests check m.csv --videos m.csv", "the video folder m.csv is a file and not a folder"),
        ("manifests ucf101 m.csv --out u.csv", "the video folder m.csv is a file and not a folder"),
        ("manifests ntu60 nope --out u.csv", "the folder nope does not exist"),
        ("manifests sysu m.csv --out u.csv", "the folder m.csv is a file and not a folder"),
        ("manifests utd-mhad m.csv --out u.csv", "the folder m.csv is a file and not a folder"),
        ("manifests stick-figures m.csv", "cannot write m.csv"),
        ("manifests unpack nope --out o", "the archives of 'nope' are not known"),
        ("manifests unpack ucf101 nope.rar --out o", "there is no archive nope.rar"),
        (f"extract run nope --out f.h5 {RANDOM}", "nope does not exist; give a manifest, a folder, a list"),
        (f"extract run other.h5 --videos folder --out f.h5 {RANDOM}", "other.h5 is no list of clips but an HDF5 file"),
        (f"extract run r.toml --videos folder --out f.h5 {RANDOM}", f"r.toml is no list of clips {IS_TOML}"),
        (f"extract run folder --videos m.csv --out f.h5 {RANDOM}", "the video folder m.csv is a file and not a folder"),
        (f"extract run m.csv --videos m.csv --out f.h5 {RANDOM}", "the video folder m.csv is a file and not a folder"),
        (f"extract run m.csv --out f.h5 {RANDOM}", "the paths in m.csv are relative to a folder: give it (--videos)"),
        (f"extract run empty.txt --videos folder --out f.h5 {RANDOM}", "no clips in empty.txt: it has no line with a"),
        (f"extract run folder --out f.h5 {RANDOM}", "no clips in folder: no file there ends in"),
        (f"extract run m.csv --videos folder --out '' {RANDOM}", "no name of a feature cache; give one, as in feat"),
        (f"extract run m.csv --videos folder --out f.h5 {RANDOM}", "none of the 4 clips is in the video folder"),
        (f"extract run m.csv --videos folder --out . {RANDOM}", "no name of a feature cache; give one, as in feat"),
        (f"extract run m.csv --videos clips --out folder {RANDOM}", "folder is a folder; give the file to write"),
        (f"extract run m.csv --videos clips --out m.csv/f.h5 {RANDOM}", "cannot write m.csv/f.h5.run"),
        (
            f"extract run m.csv --videos folder --out f.h5 {RANDOM} --column nope",
            "no column 'nope' of paths in the man",
        ),
        (
            f"extract run m.csv --videos folder --out f.h5 {RANDOM} --column label",
            "of paths in the manifest m.csv; there is path",
        ),
        (
            f"extract run m.csv --videos folder --out f.h5 {RANDOM} --frames-per-segment 0",
            "frames_per_segment: must be",
        ),
        (f"extract run m.csv --videos folder --out f.h5 {RANDOM} --segments 0", "segments: must be greater"),
        (
            f"extract run m.csv --videos folder --out f.h5 {RANDOM} --image-size 1",
            "image_size: must be greater",
        ),
        (f"extract run m.csv --videos folder --out f.h5 {RANDOM} --precision fp8", "'fp32', 'bf16', 'fp16' or 'auto'"),
        (f"extract run m.csv --videos folder --out f.h5 {RANDOM} --device gpu", "no device 'gpu'"),
        ("extract run m.csv --videos clips --out f.h5 --backbone timm:test_vit --weights m.csv", f"weights {IS_CSV}"),
        ("extract run --out nope.h5", "no extraction of nope.h5 was begun"),
        ("extract plan m.csv --videos folder --out f.h5 --shards 2 --backbone timm:nope --weights random", "no model"),
        ("extract bench --backbone timm:resnet18.nope --weights random", "no tag 'nope' of timm:resnet18"),
        ("extract verify m.csv", f"m.csv is not a feature cache {IS_CSV}"),
        ("extract verify folder", "folder is not a feature cache but a folder"),
        ("extract verify r.toml", f"r.toml is not a feature cache {IS_TOML}"),
        ("extract verify other.h5", "other.h5 is an HDF5 file and not a feature cache: it has no features"),
        ("extract verify empty.h5", "empty.h5 is not a whole feature cache"),
        ("extract verify .", "no name of a feature cache"),
        ("extract diff m.csv nope.h5", f"m.csv is not a feature cache {IS_CSV}"),
        ("extract status m.csv", "no extraction of m.csv was begun"),
        ("extract merge nope.h5", "no extraction of nope.h5 was begun"),
        ("extract retry ..", "no name of a feature cache"),
        ("extract submit nope.h5", "no extraction of nope.h5 was begun"),
        ("extract weights get nope", "there are no weights called nope"),
        ("extract train-vacnn m.csv --videos nope --out v", "the folder of the skeletons nope does not exist"),
        ("extract train-vacnn m.csv --videos m.csv --out v", "the folder of the skeletons m.csv is a file and not"),
        (
            "extract train-vacnn m.csv --videos folder --out v --network resnet5O",
            "no model 'resnet5O'; near are resnet50",
        ),
        ("extract train-vacnn m.csv --videos folder --out v --learning-rate nan", "must be a finite number"),
        ("distill train m.csv --manifest m.csv --cache other.h5 --out t", f"m.csv is not a recipe {IS_CSV}"),
        ("distill train other.h5 --manifest m.csv --cache other.h5 --out t", f"other.h5 is not a recipe {IS_HDF5}"),
        ("distill train folder --manifest m.csv --cache other.h5 --out t", "folder is not a recipe but a folder"),
        (
            "distill train table1 --manifest m.csv --cache other.h5 --out t",
            "table1 is a suite and not one recipe",
        ),
        ("distill train tau.toml --manifest m.csv --cache other.h5 --out t", "tau belongs to [distillation]"),
        ("distill train r.toml --manifest other.h5 --cache m.csv --out t", f"other.h5 is not a manifest {IS_HDF5}"),
        ("distill train r.toml --manifest m.csv --cache m.csv --out t", f"m.csv is not a feature cache {IS_CSV}"),
        ("distill train empty.toml --manifest m.csv --cache m.csv --out t", "data: this is required"),
        ("distill train r.toml --manifest m.csv --cache m.csv --out t --method witth", "did you mean 'with'?"),
        ("distill train key.toml --manifest m.csv --cache m.csv --out t", "did you mean east.oracle?"),
        ("distill sweep section.toml --manifest m.csv --cache m.csv --out t --set east.oracle=1.0", "mean east?"),
        ("distill sweep r.toml --manifest m.csv --cache m.csv --out t --set oracle=1.0", "did you mean east.oracle?"),
        ("evaluate reproduce method.toml --manifest m.csv --cache m.csv", "no method 'witth'; did you mean 'with'?"),
        ("evaluate reproduce section.toml --manifest m.csv --cache m.csv", "eats is not a key; did you mean east?"),
        ("evaluate reproduce key.toml --manifest m.csv --cache m.csv", "did you mean east.oracle?"),
        ("evaluate check method.toml", "no method 'witth'; did you mean 'with'?"),
        ("distill sweep r.toml --manifest m.csv --cache m.csv --out t --set nope", "write KEY=VALUE,VALUE"),
        ("evaluate reproduce folder", "folder is not a recipe but a folder"),
        ("evaluate reproduce m.csv", f"m.csv is not a recipe {IS_CSV}"),
        ("evaluate reproduce r.toml --manifest m.csv --cache m.csv", f"m.csv is not a feature cache {IS_CSV}"),
        ("evaluate reproduce ucf101 --videos m.csv", "the video folder m.csv is a file and not a folder"),
        ("evaluate reproduce r.toml --manifest m.csv --cache other.h5 --seeds 0,x", "write whole numbers with commas"),
        ("evaluate score m.csv --manifest m.csv", f"m.csv is not a predictions file {IS_CSV}"),
        ("evaluate score folder --manifest m.csv", "folder is not a predictions file but a folder"),
        ("evaluate score other.h5 --manifest m.csv", "other.h5: probabilities is missing"),
        ("evaluate report nope", "there is no run in nope"),
        ("evaluate report suite", "the runs inside are suite/ucf101: give one or several of these"),
        ("evaluate report .", "the runs inside are suite/ucf101"),
        ("evaluate check m.csv", f"m.csv is not a recipe {IS_CSV}"),
    ],
)
def test_it_ends_in_a_sentence(
    typed: str, hint: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    package, *arguments = shlex.split(typed)
    app = importlib.import_module(f"{package}.commands.app").app
    monkeypatch.setattr("sys.argv", [package, *arguments])
    with pytest.raises(SystemExit) as end:
        run_cli(app)
    output = capsys.readouterr().err.strip()  # a progress bar leaves an empty line
    assert end.value.code == 1, output
    assert hint in output
    assert output.startswith("error: ") and "\n" not in output
