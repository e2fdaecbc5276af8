"""The Python API: the bytes of `extract run`, a cache in three formats, and sentences where something is wrong."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import extract
from common.errors import UserError
from extract.api import _network
from extract.cache import read_cache
from extract.cache_rows import Row
from extract.cache_writer import write_cache
from extract.extraction import Extraction
from extract.machine import Machine
from extract.run import extract as extract_all
from manifests.recipes.extraction import Extract

VIDEO = {"backbone": "timm:test_resnet", "weights": "random", "frames_per_segment": 2, "image_size": 32}
SKELETON = {"backbone": "joints", "weights": "none", "frames_per_segment": 3}

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Three clips of 4 segments with 5 features each; the second one failed."""
    features = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
    features[1] = 0
    rows = [Row(name, features[index], 30, name != "b") for index, name in enumerate("abc")]
    write_cache(tmp_path / "c.h5", rows, ["a", "b", "c"], (4, 5), {"backbone": "some"})
    return tmp_path / "c.h5"


@pytest.mark.parametrize("as_type", [str, Path])
@pytest.mark.parametrize(
    ("options", "num_segments"), [(VIDEO, 10), (VIDEO | {"backbone": "tsm_mobilenetv2"}, 3), (SKELETON, 5)]
)
def test_a_files_features_are_the_bytes_of_a_run(
    drawn_footage: Path,
    drawn_skeletons: Path,
    tmp_path: Path,
    options: dict[str, Any],
    num_segments: int,
    as_type: Callable[[Path], str | Path],
) -> None:
    skeleton = options is SKELETON
    folder = drawn_skeletons if skeleton else drawn_footage
    videos = folder if skeleton else folder / "videos"
    out = tmp_path / "run.h5"
    runtime = "auto" if options is VIDEO else "torch"  # a large network is exported slowly
    machine = Machine(device="cpu", workers=1, runtime=runtime)
    assert not extract_all(
        Extraction(folder / "clips.csv", videos, out, Extract(**options, segments=num_segments), machine)
    )
    run = read_cache(out)
    for clip_id, expected in list(zip(run.clip_id, run.features, strict=True))[2:5]:
        path = videos / f"{clip_id}{'.npy' if skeleton else '.avi'}"
        found = extract.extract_video(
            as_type(path), num_segments=num_segments, device="cpu", runtime=runtime, **options
        )
        assert found.dtype == np.float32 and found.shape == expected.shape
        assert found.tobytes() == expected.tobytes()


def test_the_joint_list_in_a_folder_above_is_found(tmp_path: Path) -> None:
    (tmp_path / "walk").mkdir()
    np.save(tmp_path / "walk" / "a.npy", np.zeros((30, 3, 3), np.float32) + np.arange(3))
    (tmp_path / "joints.toml").write_text('names = ["hip", "spine", "head"]\ncentre = "spine"\n')
    assert extract.extract_video(tmp_path / "walk" / "a.npy", device="cpu", **SKELETON).shape[0] == 10


def test_real_files(early_data: Path) -> None:
    clip = next((early_data / "ucf101_six").rglob("*.avi"))
    assert extract.extract_video(clip, device="cpu", **VIDEO).shape[0] == 10
    skeleton = next((early_data / "ntu60").glob("*.skeleton"))
    assert extract.extract_video(skeleton, backbone="joint_statistics").shape == (10, 9 * 25)


def test_the_network_is_loaded_once_and_again_when_its_file_changes(drawn_footage: Path, tmp_path: Path) -> None:
    path, weights = drawn_footage / "videos" / "c1.avi", tmp_path / "own.pth"
    options = VIDEO | {"weights": weights, "device": "cpu", "runtime": "torch"}
    networks = [extract.backbones.load_backbone(Extract(**VIDEO), seed=seed).network for seed in (0, 1)]
    torch.save(networks[0].state_dict(), weights)
    _network.cache_clear()
    first = [extract.extract_video(path, **options) for _ in range(2)]
    assert _network.cache_info()[:2] == (1, 1)
    torch.save(networks[1].state_dict(), weights)
    assert not np.array_equal(extract.extract_video(path, **options), first[0])
    assert np.array_equal(*first) and _network.cache_info()[:2] == (1, 2)


def test_weights_that_belong_to_the_backbone_are_the_default(drawn_footage: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("EARLY_WEIGHTS", "/nowhere")
    with pytest.raises(UserError, match="weights tsm-r50-8f-kinetics400 are not on this machine"):
        extract.extract_video(drawn_footage / "videos" / "c1.avi")
    with pytest.raises(UserError, match="va_cnn has no weights of its own: give weights"):
        extract.extract_video(drawn_footage / "videos" / "c1.avi", backbone="va_cnn")


@pytest.mark.parametrize(
    ("path", "changes", "sentence"),
    [
        ("none.avi", {}, "none.avi has no features: the file does not exist"),
        ("text.avi", {}, "text.avi has no features: not a video that can be opened"),
        ("c1.avi", {"backbone": "timm:test_resnt"}, "near are timm:test_resnet"),
        ("c1.avi", {"backbone": "resnet"}, "there is no backbone resnet; near are "),
        ("c1.avi", {"decoder": "pyva"}, "no decoder 'pyva'; did you mean 'pyav'[?]"),
        ("c1.avi", {"num_segments": 0}, "arguments of extract_video: num_segments: "),
        ("c1.avi", {"precision": "fp8"}, "arguments of extract_video.*precision"),
        ("c1.avi", {"device": "abacus"}, "abacus"),
        ("c1.avi", {"runtime": "openvin"}, "no runtime 'openvin'; did you mean 'openvino'[?]"),
        ("c1.avi", {"weights": "pretraind"}, "neither a file nor the name of known weights"),
        ("c1.avi", SKELETON, "no skeleton file"),
    ],
)
def test_what_is_wrong_is_a_sentence(footage: Path, path: str, changes: dict[str, Any], sentence: str) -> None:
    (footage / "videos" / "text.avi").write_text("not a video")
    with pytest.raises(UserError, match=f"(?s){sentence}") as error:
        extract.extract_video(footage / "videos" / path, **VIDEO | {"device": "cpu"} | changes)
    assert "\n" not in str(error.value).strip()


def test_features_that_are_not_finite_are_refused(drawn_footage: Path, tmp_path: Path) -> None:
    network = extract.backbones.load_backbone(Extract(**VIDEO)).network
    state = {key: tensor * 1e30 if key.endswith("weight") else tensor for key, tensor in network.state_dict().items()}
    torch.save(state, tmp_path / "huge.pth")
    with pytest.raises(UserError, match="not finite|not a finite number"):
        extract.extract_video(
            drawn_footage / "videos" / "c1.avi", **VIDEO | {"weights": tmp_path / "huge.pth", "device": "cpu"}
        )


@pytest.mark.parametrize("as_type", [str, Path])
def test_a_cache_as_arrays(cache: Path, as_type: Callable[[Path], str | Path]) -> None:
    arrays, tensors = extract.load_features(as_type(cache)), extract.load_features(as_type(cache), "torch")
    for loaded in (arrays, tensors):
        assert loaded.clip_ids == ["a", "c"] and loaded.failed == ["b"] and loaded.settings == {"backbone": "some"}
    expected = read_cache(cache).features[[0, 2]]
    assert isinstance(arrays.features, np.ndarray) and arrays.features.dtype == np.float32
    assert np.array_equal(arrays.features, expected)
    assert tensors.features.dtype == torch.float32 and np.array_equal(tensors.features.numpy(), expected)


def test_a_cache_as_a_data_frame(cache: Path) -> None:
    frame = extract.load_features(cache, format="pandas")
    assert isinstance(frame, pd.DataFrame) and frame.shape == (8, 5)
    assert frame.index.names == ["clip_id", "segment"]
    assert frame.loc["c", 4].tolist() == [55, 56, 57, 58, 59]
    assert (frame.dtypes == np.float32).all()
    assert frame.attrs == {"failed": ["b"], "settings": {"backbone": "some"}}
    labels = pd.Series({"a": "jump", "c": "wave"}, name="class_name").rename_axis("clip_id")
    assert frame.join(labels)["class_name"].tolist() == ["jump"] * 4 + ["wave"] * 4


def test_a_cache_that_is_none(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no format 'nump'; did you mean 'numpy'[?]"):
        extract.load_features(cache, "nump")  # type: ignore[call-overload]
    with pytest.raises(UserError, match="no feature cache"):
        extract.load_features(str(tmp_path / "none.h5"))
    (tmp_path / "clips.csv").write_text("clip_id,path\na,a.avi\n")
    with pytest.raises(UserError, match="is not a feature cache but"):
        extract.load_features(tmp_path / "clips.csv")


def test_only_the_calls_that_need_torch_load_it(cache: Path) -> None:
    code = (
        "import sys, extract; from extract import load_features, extract_video, CacheFeatures\n"
        f"features = load_features({str(cache)!r})\nassert isinstance(features, CacheFeatures)\n"
        "assert 'torch' not in sys.modules\n"
        f"assert load_features({str(cache)!r}, 'torch').features.shape == (2, 4, 5)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert set(extract.__all__) == {"CacheFeatures", "extract_poses", "extract_video", "load_features"}
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        extract.nothing  # noqa: B018
