import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from common.command_line import run_cli
from extract.cache import read_cache
from extract.commands.app import app

pytestmark = pytest.mark.usefixtures("one_thread")
SMALL = "--network test_resnet --image-size 40 --batch-size 8 --epochs 1 --samples-per-clip 1 --device cpu --workers 1"


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    """Run `python -m extract …` here: exit status, what it printed, what it said of errors."""

    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["extract", *map(str, words)])
        try:
            run_cli(app)
            status = 0
        except SystemExit as end:
            status = int(end.code or 0)
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def train(command, folder: Path, out: Path, *more: object) -> tuple[int, str, str]:  # type: ignore[no-untyped-def]
    answer: tuple[int, str, str] = command(
        "train-vacnn", folder / "clips.csv", "--videos", folder, "--out", out, *SMALL.split(), *more
    )
    return answer


def test_train_then_run(command, drawn_skeletons: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    status, out, err = train(command, drawn_skeletons, tmp_path / "va")
    assert status == 0 and "epoch 1 of 1 selected" in out and "main network from scratch" in err
    words = ("--videos", drawn_skeletons, "--out", tmp_path / "f.h5", "--backbone", "va_cnn", "--device", "cpu")
    weights = tmp_path / "va" / "weights.safetensors"
    status, out, _ = command("run", drawn_skeletons / "clips.csv", *words, "--weights", weights, "--workers", 1)
    assert status == 0 and "20 of 20 clips" in out
    assert read_cache(tmp_path / "f.h5").features.shape == (20, 10, 96)
    status, out, _ = train(command, drawn_skeletons, tmp_path / "va", "--json")
    assert status == 0 and json.loads(out)["epochs"] == 1, "it is finished: said again at once"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--network", "resnet19"), "timm has no model 'resnet19'"),
        (("--image-size", "16"), "image_size: must be greater than or equal to 40"),
        (("--initial-weights", "nothing.pth"), "nothing.pth"),
        (("--initial-weights", "timm-package"), "efficientnet_lite0 only"),
        (("--network", "vit_tiny_patch16_224"), "does not take pictures of 40 x 40"),
        (("--column", "path_depth"), "path_depth"),
        (("--device", "tpu"), "no device 'tpu'"),
        (("--learning-rate", "1e30"), "lower its learning_rate"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_what_cannot_be_trained_is_a_sentence(  # type: ignore[no-untyped-def]
    command, drawn_skeletons: Path, tmp_path: Path, words: tuple[str, ...], sentence: str
) -> None:
    status, _, err = train(command, drawn_skeletons, tmp_path / "va", *words)
    assert status == 1 and sentence in err and "Traceback" not in err, err
    assert not (tmp_path / "va" / "weights.safetensors").exists()


def test_skeletons_that_are_not_there_or_do_not_move(  # type: ignore[no-untyped-def]
    command, drawn_skeletons: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "skeletons"
    folder.mkdir()
    for name in ("clips.csv", "clips.classes.txt"):
        shutil.copy(drawn_skeletons / name, folder)
    status, _, err = train(command, folder, tmp_path / "va")
    assert status == 1 and "none of the 12 skeletons of split train can be read; the first: " in err and "s0.npy" in err


def test_a_manifest_without_validation(command, drawn_skeletons: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    clips = pd.read_csv(drawn_skeletons / "clips.csv")
    clips["split"] = clips["split"].replace("validation", "train")
    clips.to_csv(tmp_path / "clips.csv", index=False)
    shutil.copy(drawn_skeletons / "clips.classes.txt", tmp_path)
    status, _, err = train(command, tmp_path, tmp_path / "va")
    assert status == 1 and "split 'validation' of protocol made-up is empty" in err
