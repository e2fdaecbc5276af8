"""`predict` as a command: what it prints and writes, and what it refuses with which exit status."""

import csv
import json
import shutil
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest

from common.command_line import run_cli
from evaluate.commands.app import app
from evaluate.live.recogniser import Recogniser

pytestmark = pytest.mark.usefixtures("one_thread")


def call(*arguments: object) -> int:
    """Run the command line as `python -m` does, in this process; return its exit status."""
    with pytest.raises(SystemExit) as end:
        run_cli(partial(app, [str(argument) for argument in arguments]))
    return int(end.value.code or 0)


@pytest.fixture
def videos(drawn: Path, tmp_path: Path) -> Path:
    """A folder with two videos and a file that is none."""
    folder = tmp_path / "videos"
    folder.mkdir()
    for name, source in zip(("a.avi", "c.avi"), sorted(drawn.rglob("*.avi")), strict=False):
        shutil.copyfile(source, folder / name)
    (folder / "b.mp4").write_text("no video")
    return folder


def test_timelines_and_the_model_in_words(one_stream: Path, videos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("predict", one_stream, videos / "a.avi", videos / "c.avi", "--top", 2, "--device", "cpu") == 0
    printed = capsys.readouterr()
    assert printed.err == "model: With distillation (with), the mean over the seeds 0, 1\n"
    lines = printed.out.splitlines()
    assert len(lines) == 2 * (1 + 5 + 1) and lines[0].startswith(f"{videos}/a.avi (")
    assert [line[:6] for line in lines[1:6]] == ["  20 %", "  40 %", "  60 %", "  80 %", " 100 %"]
    assert all(len(line) <= 80 for line in lines[1:6])


def test_json_of_a_folder_names_what_cannot_be_used(
    one_stream: Path, videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--json", "--csv", tmp_path / "all.csv", "--seed", 1, "--method", "without", "--device", "cpu"]
    assert call("predict", one_stream, videos, tmp_path / "nowhere.mp4", *options) == 3
    printed = capsys.readouterr()
    lines = [json.loads(line) for line in printed.out.splitlines()]
    assert [Path(line["video"]).name for line in lines] == ["a.avi", "b.mp4", "c.avi", "nowhere.mp4"]
    assert "not a video" in lines[1]["error"] and lines[3]["error"] == "it does not exist"
    assert f"{videos}/b.mp4 cannot be used: not a video" in printed.err
    expected = Recogniser.load(one_stream, method="without", seed=1, device="cpu").recognise(videos / "c.avi")
    np.testing.assert_array_equal(np.array(lines[2]["probabilities"], np.float32), expected.probabilities)
    assert lines[2]["classes"] == list(expected.classes)
    with (tmp_path / "all.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["video"].endswith("c.avi")]
    values = np.array([row["probability"] for row in rows], np.float64).astype(np.float32)
    np.testing.assert_array_equal(values.reshape(5, 10), expected.probabilities)


def test_annotated_videos_and_a_page(one_stream: Path, videos: Path, tmp_path: Path) -> None:
    out, page = tmp_path / "annotated", tmp_path / "pages" / "page.html"
    (videos / "deep").mkdir()
    shutil.copyfile(videos / "c.avi", videos / "deep" / "A.avi")
    assert call("predict", one_stream, videos, "--annotate", out, "--html", page, "--device", "cpu") == 3
    assert sorted(path.name for path in out.iterdir()) == ["A-2.mp4", "a.mp4", "c.mp4"]
    with av.open(str(out / "c.mp4")) as written, av.open(str(videos / "c.avi")) as source:
        assert written.streams.video[0].frames == sum(1 for _ in source.decode(video=0))
    assert page.read_text().count("data:image/jpeg") == 3 * 5
    assert call("predict", one_stream, videos / "a.avi", "--annotate", tmp_path / "one.mp4", "--device", "cpu") == 0
    assert (tmp_path / "one.mp4").is_file()


def test_a_video_that_cannot_be_drawn_is_named(
    one_stream: Path, videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("evaluate.live.annotate.ENCODERS", ())
    monkeypatch.setattr("evaluate.live.outputs.annotate", lambda path, found, out, *_: crash(out))
    inputs = [videos / "a.avi", videos / "c.avi"]
    assert call("predict", one_stream, *inputs, "--annotate", tmp_path / "out", "--device", "cpu") == 3
    assert "a.mp4 was not written" in capsys.readouterr().err


def crash(out: Path) -> None:
    from common.errors import UserError

    raise UserError(f"{out} was not written: the process crashed")


def test_two_streams(two_streams: Path, drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    video, skeleton = next(drawn.rglob("*.avi")), next(drawn.rglob("*.npy"))
    text = f"skeleton={skeleton},rgb={video}"
    out, page = tmp_path / "out.mp4", tmp_path / "page.html"
    assert call("predict", two_streams, text, "--annotate", out, "--html", page, "--device", "cpu") == 0
    assert out.is_file() and "data:image/jpeg" in page.read_text()
    assert call("predict", two_streams, video, "--device", "cpu") == 1
    error = capsys.readouterr().err
    assert "write rgb=FILE,skeleton=FILE" in error and "error: the input cannot be used" in error
    skeletons = two_streams / "runs" / "skeleton"
    assert call("predict", skeletons, skeleton, "--html", page, "--device", "cpu") == 0
    assert "data:image/svg+xml" in page.read_text()
    assert call("predict", skeletons, skeleton, "--annotate", out, "--device", "cpu") == 1
    assert "--annotate needs a model of videos" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--method", "wiht"], "no method 'wiht'; did you mean 'with'?"),
        (["--seed", "5"], "no seed 5 of with"),
        (["--annotate", "{file}/out.mp4"], "cannot write {file}/out.mp4: "),
        (["--annotate", "{file}"], "annotated videos are MP4 files, and {file} ends in .txt; end it in .mp4"),
        (["--csv", "{folder}"], "cannot write {folder}: it is a folder"),
        (["--html", "{file}/page.html"], "cannot write {file}/page.html: "),
        (["--annotate", "{folder}/x.mp4"], "x.mp4 is one file for 2 videos; give a folder"),
        (["{videos}", "--annotate", "{videos}"], "--annotate {videos} is in the input folder {videos}, so"),
        (["{videos}", "--annotate", "{videos}/new"], "--annotate {videos}/new is in the input folder {videos}, so"),
        (["--csv", "{video}"], "a.avi is one of the inputs; give another output"),
        (["--weights", "rgb=x"], "the weights rgb=x of stream features do not exist"),
    ],
)
def test_careless_options_are_refused_before_the_work(
    one_stream: Path,
    videos: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    sentence: str,
) -> None:
    monkeypatch.setattr("extract.file_features.decode_all", None)  # no file is decoded
    (tmp_path / "file.txt").touch()
    before = (videos / "a.avi").read_bytes()
    places = {"file": tmp_path / "file.txt", "folder": tmp_path, "video": videos / "a.avi", "videos": videos}
    own = [option.format(**places) for option in options]
    assert call("predict", one_stream, videos / "a.avi", videos / "c.avi", *own, "--device", "cpu") == 1
    assert sentence.format(**places) in capsys.readouterr().err
    assert (videos / "a.avi").read_bytes() == before


def test_a_folder_that_is_no_model_and_an_empty_folder(
    one_stream: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    assert call("predict", tmp_path / "empty", "a.mp4") == 1
    assert "empty is no trained model" in capsys.readouterr().err
    assert call("predict", one_stream, tmp_path / "empty", "--device", "cpu") == 1
    error = capsys.readouterr().err
    assert "there are no videos in it" in error and "the input cannot be used" in error


def test_the_rule_that_decide_stores_decides_and_a_threshold_wins(
    one_stream: Path, drawn: Path, videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, video = tmp_path / "out", videos / "a.avi"
    shutil.copytree(one_stream, out)
    (manifest,) = drawn.glob("*.csv")
    predictions = sorted((out / "predictions").glob("with-seed*.h5"))
    # At the price 1 only time counts.
    assert call("decide", *predictions, "--manifest", manifest, "--price", 1, "--store", out) == 0
    stored = f"stored in {out}/decision_rule.safetensors: Fixed ratio, price 1; `predict` decides by it\n"
    assert capsys.readouterr().out.endswith(stored)
    assert call("export", out, "--out", tmp_path / "model") == 0
    assert "seed1.safetensors, decision_rule.safetensors (" in capsys.readouterr().out
    printed = {}
    for name, model, *options in (
        ("rule", out),
        ("exported", tmp_path / "model"),
        ("threshold", out, "--threshold", 0.99),
        ("one seed", out, "--seed", 0),
    ):
        page = tmp_path / f"{name}.html"
        assert call("predict", model, video, "--top", 1, "--html", page, *options, "--device", "cpu") == 0
        printed[name] = capsys.readouterr()
        sentence = printed[name].out.splitlines()[-1].strip()
        assert f"{sentence[0].upper()}{sentence[1:]}. " in page.read_text()
    assert "        decided at 20 %: " in printed["rule"].out and "by Fixed ratio, price 1\n" in printed["rule"].out
    assert printed["exported"].out == printed["rule"].out
    assert printed["threshold"].out.endswith("        not decided: no class reaches 99 %\n")
    assert "is not used: it is for the method with, seeds 0, 1" in printed["one seed"].err
    assert "price" not in printed["one seed"].out and "not used" not in printed["threshold"].err
    assert call("predict", out, video, "--json", "--device", "cpu") == 0
    content = json.loads(capsys.readouterr().out)
    assert content["decision"]["level"] == 1 and content["decided_by"]["rule"] == "fixed"


def test_an_exported_model_predicts_the_same(
    one_stream: Path, videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("export", one_stream, "--out", tmp_path / "model") == 0
    printed = capsys.readouterr().out
    assert "model.json, seed0.safetensors, seed1.safetensors" in printed
    assert "its weights are found by the name random" in printed
    outputs = []
    for model in (one_stream, tmp_path / "model"):
        assert call("predict", model, videos / "a.avi", "--json", "--device", "cpu") == 0
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1]
    assert call("export", one_stream, "--out", tmp_path / "model", "--seed", 0) == 1
    assert "model exists and holds something else" in capsys.readouterr().err
