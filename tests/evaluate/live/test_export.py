"""An exported model: complete, recognises as the original does, and never written over another model."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from common.errors import UserError
from common.files import sha256_of
from evaluate.graphs.export import export_graphs
from evaluate.graphs.formats import FORMATS
from evaluate.live.export import export_model
from evaluate.live.recogniser import Recogniser
from evaluate.live.trained_model import find_model
from tests.evaluate.live.conftest import store_fixed_rule


def test_a_model_of_one_stream(one_stream: Path, drawn: Path, tmp_path: Path) -> None:
    done = export_model(find_model(one_stream), tmp_path / "model")
    assert (
        set(done.files)
        == {"model.json", "seed0.safetensors", "seed1.safetensors"}
        == {path.name for path in (tmp_path / "model").iterdir()}
    )
    assert done.by_name == {"features": "random"}
    video = next(drawn.rglob("*.avi"))
    for seed in (None, 1):
        found, original = (
            Recogniser.load(folder, seed=seed, device="cpu").recognise(video) for folder in (done.folder, one_stream)
        )
        np.testing.assert_array_equal(found.probabilities, original.probabilities)
    again = export_model(find_model(done.folder, seed=1), tmp_path / "one")
    assert again.files == ("model.json", "seed1.safetensors")


def test_a_trained_va_cnn_is_exported_with_the_model(two_streams: Path, drawn: Path, tmp_path: Path) -> None:
    copied = tmp_path / "copied"
    shutil.copytree(two_streams, copied)
    done = export_model(find_model(copied), tmp_path / "model")
    assert set(done.files) == {
        "model.json",
        "seed0.safetensors",
        "seed1.safetensors",
        "skeleton-backbone.safetensors",
    }
    described = json.loads((done.folder / "model.json").read_text())
    settings = described["streams"]["skeleton"]["settings"]
    assert settings["weights_sha256"] == sha256_of(done.folder / "skeleton-backbone.safetensors")
    run = copied / "runs" / "seed0" / "without"
    shutil.move(run, tmp_path / "alone")
    shutil.rmtree(copied)
    clip = next((drawn / "videos").rglob("*.avi")) if (drawn / "videos").is_dir() else next(drawn.rglob("*.avi"))
    files = {"rgb": clip, "skeleton": next(drawn.rglob("*.npy"))}
    found = Recogniser.load(done.folder, seed=0, device="cpu").recognise(files)
    with pytest.raises(UserError, match="backbone va_cnn of stream skeleton are not here.*--weights skeleton=FILE"):
        Recogniser.load(tmp_path / "alone", device="cpu")
    with pytest.raises(UserError, match="stream skeleton are not near the model.*--weights skeleton=FILE"):
        export_model(find_model(tmp_path / "alone"), tmp_path / "other")
    assert not (tmp_path / "other").exists()
    weights = {"skeleton": done.folder / "skeleton-backbone.safetensors"}
    original = Recogniser.load(tmp_path / "alone", device="cpu", weights=weights).recognise(files)
    np.testing.assert_array_equal(found.probabilities, original.probabilities)
    assert export_model(find_model(tmp_path / "alone"), tmp_path / "other", weights).folder == tmp_path / "other"


def test_late_fusion_has_a_file_for_each_stream_and_seed(two_streams: Path, drawn: Path, tmp_path: Path) -> None:
    shutil.copytree(two_streams, tmp_path / "late")
    for seed in (0, 1):
        shutil.rmtree(tmp_path / "late" / "runs" / f"seed{seed}")
    done = export_model(find_model(tmp_path / "late"), tmp_path / "model")
    names = {f"{stream}-seed{seed}.safetensors" for stream in ("rgb", "skeleton") for seed in (0, 1)}
    assert names < set(done.files)
    files = {"rgb": next(drawn.rglob("*.avi")), "skeleton": next(drawn.rglob("*.npy"))}
    found, original = (
        Recogniser.load(folder, device="cpu").recognise(files) for folder in (done.folder, tmp_path / "late")
    )
    np.testing.assert_array_equal(found.probabilities, original.probabilities)


def test_graphs_of_two_streams_and_a_trained_va_cnn(two_streams: Path, drawn: Path, tmp_path: Path) -> None:
    """A backbone for each stream, and a step that takes both."""
    out = export_graphs(find_model(two_streams), tmp_path / "graphs", "torch").folder
    described = json.loads((out / "model.json").read_text())
    files = {"rgb": next(drawn.rglob("*.avi")), "skeleton": next(drawn.rglob("*.npy"))}
    model = Recogniser.load(two_streams, device="cpu")
    expected = model.recognise(files)
    features = {}
    for name, stream in model._streams.items():
        graph = FORMATS["torch"].open(out / described["streams"][name]["backbone"]["file"])
        (clip,) = (clip for _, clip in stream._files._clips([str(files[name])], 1, {}))
        (features[name],) = graph([stream._files.network.images(clip)])
    step = FORMATS["torch"].open(out / described["step"]["file"])
    assert [each["name"] for each in described["step"]["inputs"]] == ["features_rgb", "features_skeleton", "state"]
    state = torch.zeros(1, described["state_width"])
    for n, row in enumerate(expected.probabilities):
        found, state = step([*(features[name][n : n + 1] for name in described["streams"]), state])
        np.testing.assert_allclose(found[0].numpy(), row, atol=1e-5)
    assert (described["streams"]["skeleton"]["images"], described["streams"]["rgb"]["note"]) == (None, None)
    assert described["streams"]["skeleton"]["note"].startswith("The images are drawn from skeletons")


def test_another_model_is_never_overwritten(one_stream: Path, tmp_path: Path) -> None:
    model = find_model(one_stream)
    (tmp_path / "model").mkdir()
    done = export_model(model, tmp_path / "model")
    before = {path: path.stat().st_mtime_ns for path in done.folder.iterdir()}
    assert export_model(model, tmp_path / "model") == done
    assert {path: path.stat().st_mtime_ns for path in done.folder.iterdir()} == before
    for other in (find_model(one_stream, "without"), find_model(one_stream, seed=0)):
        with pytest.raises(UserError, match="model exists and holds something else"):
            export_model(other, tmp_path / "model")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    for place in ("file", "full"):
        with pytest.raises(UserError, match="holds something else"):
            export_model(model, tmp_path / place)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "full", "model"]


def test_the_stored_rule_is_exported_with_its_networks(one_stream: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    notices: list[str] = []
    shutil.copytree(one_stream, out)
    before = export_model(find_model(out), tmp_path / "before")
    rule = store_fixed_rule(find_model(out))
    with pytest.raises(UserError, match="before holds the same model, but not the same decision rule"):
        export_model(find_model(out), tmp_path / "before")
    done = export_model(find_model(out), tmp_path / "model")
    assert (
        {*done.files} == {*before.files, "decision_rule.safetensors"} == {path.name for path in done.folder.iterdir()}
    )
    assert export_model(find_model(out), tmp_path / "model") == done
    assert Recogniser.load(done.folder, device="cpu").decision_maker.as_json() == rule.as_json()
    again = export_model(find_model(done.folder), tmp_path / "again")
    assert sha256_of(again.folder / "decision_rule.safetensors") == sha256_of(out / "decision_rule.safetensors")
    alone = export_model(find_model(out, seed=0), tmp_path / "alone", notify=notices.append)
    assert alone.files == ("model.json", "seed0.safetensors") and "is not used: it is for the method with" in notices[0]


def test_a_damaged_export_is_refused(two_streams: Path, tmp_path: Path) -> None:
    done = export_model(find_model(two_streams), tmp_path / "model")
    for name in ("seed1.safetensors", "skeleton-backbone.safetensors"):
        file = done.folder / name
        content = file.read_bytes()
        file.write_bytes(content[:-1])
        with pytest.raises(UserError, match=f"{name} is not the file that was exported: its sha256 differs"):
            find_model(done.folder)
        file.unlink()
        with pytest.raises(UserError, match=f"{name} is missing"):
            find_model(done.folder)
        file.write_bytes(content)
    text = (done.folder / "model.json").read_text()
    (done.folder / "model.json").write_text(text.replace("seed1.safetensors", "../seed1.safetensors"))
    with pytest.raises(UserError, match="leads out of"):
        find_model(done.folder)
