"""The commands that make manifests: what they write, what they print, and what they refuse."""

import functools
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from common.errors import UserError
from manifests.commands.app import app
from manifests.manifest import read_manifest
from manifests.stick_figures.data_set import draw_data_set

CLIPS = ("Archery/v_Archery_g16_c02", "YoYo/v_YoYo_g01_c01", "YoYo/v_YoYo_g20_c01")


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    for clip in CLIPS:
        path = tmp_path / "videos" / f"{clip}.avi"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "videos"


def invoke(*arguments: object) -> Result:
    """Run a command that is to end well; what it raises comes through."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def test_ucf101_writes_what_is_there_and_names_what_is_not(videos: Path, tmp_path: Path) -> None:
    result = invoke("ucf101", videos, "--out", tmp_path / "m" / "ucf101.csv")
    first, second = result.output.splitlines()
    assert first == "ucf101-early-15-3-7-subset: 3 clips (1 train / 1 validation / 1 test), 2 of 101 classes"
    assert second.startswith("13317 of the 13320 clips are not in ")
    manifest = read_manifest(tmp_path / "m" / "ucf101.csv")
    assert manifest.clips["path"].tolist() == [f"{clip}.avi" for clip in CLIPS]
    assert manifest.clips["label"].tolist() == [2, 100, 100]
    assert len((tmp_path / "m" / "ucf101.classes.txt").read_text().splitlines()) == 101


def test_ucf101_options(videos: Path, tmp_path: Path) -> None:
    (videos / "YoYo" / "v_YoYo_g25_c01.avi").touch()
    options = ["--protocol", "ucf101-split1", "--classes", "YoYo,Archery", "--compact", "--hold-out", "20,25"]
    invoke("ucf101", videos, "--out", tmp_path / "m.csv", *options)
    manifest = read_manifest(tmp_path / "m.csv")
    assert manifest.protocol == "ucf101-split1-holdout-20-25-subset"
    assert manifest.classes == ("Archery", "YoYo")
    assert dict(zip(manifest.clips["clip_id"], manifest.clips["split"], strict=True)) == {
        "v_Archery_g16_c02": "train",
        "v_YoYo_g01_c01": "test",
        "v_YoYo_g20_c01": "validation",
        "v_YoYo_g25_c01": "validation",
    }
    assert manifest.clips["label"].tolist() == [0, 1, 1, 1]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--hold-out", "23;24"], "--hold-out '23;24': write group numbers as in 23,24,25"),
        (["--hold-out", "19"], "group 19 is not a training group"),
        (["--protocol", "ucf101-split4"], "no protocol 'ucf101-split4'; known: "),
        (["--classes", "Archery,Yoyo"], "class 'Yoyo' is not one of UCF101's"),
        (["--classes", "Archery"], "no clip of split 'train'"),
    ],
)
def test_ucf101_refuses_in_a_sentence_and_writes_nothing(
    videos: Path, tmp_path: Path, options: list[str], sentence: str
) -> None:
    with pytest.raises(UserError, match=sentence):
        invoke("ucf101", videos, "--out", tmp_path / "m.csv", *options)
    assert [path.name for path in tmp_path.iterdir()] == ["videos"]


def test_check_counts_the_videos_that_are_missing(videos: Path, tmp_path: Path) -> None:
    (videos / "Archery" / "v_Archery_g01_c01.avi").touch()
    invoke("ucf101", videos, "--out", tmp_path / "m.csv")
    whole = invoke("check", tmp_path / "m.csv", "--videos", videos)
    assert "4 clips (2 train / 1 validation / 1 test)" in whole.output
    for clip in CLIPS[1:]:
        (videos / f"{clip}.avi").unlink()
    invoke("check", tmp_path / "m.csv")  # videos are looked for on request only
    with pytest.raises(UserError, match=r"2 paths lead to nothing in .*; the first: YoYo/v_YoYo_g01_c01\.avi, YoYo/"):
        invoke("check", tmp_path / "m.csv", "--videos", videos)


def test_check_looks_at_every_column_of_paths_and_into_folders_of_frames(tmp_path: Path) -> None:
    for subject in (1, 2):
        (tmp_path / f"a1_s{subject}_t1_skeleton.mat").touch()
        (tmp_path / f"a1_s{subject}_t1_color.avi").touch()
    invoke("utd-mhad", tmp_path, "--out", tmp_path / "m.csv")
    invoke("check", tmp_path / "m.csv", "--videos", tmp_path)
    frames = tmp_path / "a1_s2_t1_color.avi"
    frames.unlink()
    frames.mkdir()
    with pytest.raises(UserError, match=r"1 paths lead to nothing in .*; the first: a1_s2_t1_color\.avi"):
        invoke("check", tmp_path / "m.csv", "--videos", tmp_path)
    (frames / "0001.jpg").touch()
    invoke("check", tmp_path / "m.csv", "--videos", tmp_path)


def test_ntu60_writes_what_is_there(tmp_path: Path) -> None:
    missing, other = "S001C002P005R002A008", "S018C001P008R001A061"
    for name in ("S001C001P001R001A001", "S001C001P002R001A001", "S001C001P003R001A001", missing, other):
        (tmp_path / f"{name}.skeleton").touch()
    result = invoke("ntu60", tmp_path, "--out", tmp_path / "m.csv", "--hold-out", "2")
    lines = result.output.splitlines()
    assert lines[0] == ("ntu60-xsub-holdout-2-subset: 3 clips (1 train / 1 validation / 1 test), 1 of 60 classes")
    assert [line.split()[0] for line in lines[1:]] == ["1", "1", "56575"]
    assert read_manifest(tmp_path / "m.csv").clips["group"].tolist() == ["P001", "P002", "P003"]
    with pytest.raises(UserError, match="no clip of split 'train'"):
        invoke("ntu60", tmp_path, "--out", tmp_path / "x.csv", "--protocol", "ntu60-xview")
    assert not (tmp_path / "x.csv").exists()


def test_sysu_writes_what_is_there(tmp_path: Path) -> None:
    for number in range(40):
        (tmp_path / "3DvideoNorm" / f"actor{number:02d}" / "video1").mkdir(parents=True)
        (tmp_path / "3DvideoNorm" / f"actor{number:02d}" / "video1" / "sklWorld.mat").touch()
    result = invoke("sysu", tmp_path, "--out", tmp_path / "m.csv", "--protocol", "sysu-setting2-split03")
    first, second = result.output.splitlines()
    assert first == ("sysu-setting2-split03-subset: 40 clips (18 train / 2 validation / 20 test), 1 of 12 classes")
    assert second.startswith("440 of the 480 clips are not in ")
    assert read_manifest(tmp_path / "m.csv").clips["clip_id"][39] == "a01_40"


def test_utd_mhad_writes_what_is_there(early_data: Path, tmp_path: Path) -> None:
    result = invoke("utd-mhad", early_data / "utd_mhad", "--out", tmp_path / "m.csv")
    assert result.output == "utd-mhad-xsub: 861 clips (323 train / 108 validation / 430 test), 27 classes\n"
    invoke("check", tmp_path / "m.csv", "--videos", early_data / "utd_mhad")


@pytest.mark.parametrize("verb", ["ntu60", "sysu", "utd-mhad"])
def test_hold_out_of_subjects_is_written_as_numbers(tmp_path: Path, verb: str) -> None:
    with pytest.raises(UserError, match="--hold-out '1;2': write subject numbers as in 1,2"):
        invoke(verb, tmp_path, "--out", tmp_path / "m.csv", "--hold-out", "1;2")


def test_check_finds_a_broken_rule(videos: Path, tmp_path: Path) -> None:
    invoke("ucf101", videos, "--out", tmp_path / "m.csv")
    text = (tmp_path / "m.csv").read_text()
    (tmp_path / "m.csv").write_text(text.replace("v_YoYo_g20_c01,", "v_YoYo_g01_c01,"))
    with pytest.raises(UserError, match=r"row 4, column clip_id: 'v_YoYo_g01_c01' is already in row 3"):
        invoke("check", tmp_path / "m.csv")
    with pytest.raises(UserError, match=r"none\.csv is missing"):
        invoke("check", tmp_path / "none.csv")


def test_stick_figures_are_drawn_and_check_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = functools.partial(draw_data_set, clips_per_class={"train": 1, "test": 1}, size=(64, 48))
    monkeypatch.setattr("manifests.stick_figures.data_set.draw_data_set", few)
    result = invoke("stick-figures", tmp_path / "drawn", "--seed", 3)
    path = tmp_path / "drawn" / "manifest.csv"
    assert "stick-figures-v1: 20 clips (10 train / 0 validation / 10 test), 10 classes" in result.output
    assert f"manifest: {path}" in result.output
    as_json = json.loads(invoke("stick-figures", tmp_path / "drawn", "--seed", 3, "--json").stdout)
    assert (as_json["manifest"], as_json["clips"]) == (str(path), 20)
    invoke("check", path, "--videos", tmp_path / "drawn")
    invoke("stick-figures", tmp_path / "drawn", "--seed", 3)
    with pytest.raises(UserError, match="seed 3, .* not of .* seed 4"):
        invoke("stick-figures", tmp_path / "drawn", "--seed", 4)
