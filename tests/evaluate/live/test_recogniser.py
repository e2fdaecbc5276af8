"""Recognition is what the pipeline computes: the bytes of the cache, and the probabilities of the predictions files."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from common.errors import UserError
from evaluate.live.recogniser import Recogniser
from evaluate.live.recognition import Recognition, Recording, Unusable
from evaluate.scoring.predictions import read_predictions
from extract.cache import read_cache
from manifests.manifest import read_manifest

ROUNDING = 1e-6  # of float32 sums in another order


def files_of(drawn: Path, column: str) -> dict[str, str]:
    """Return the file of each test clip."""
    clips = read_manifest(next(drawn.glob("*.csv"))).split("test")
    return {clip: str(drawn / path) for clip, path in zip(clips["clip_id"], clips[column], strict=True)}


def probabilities(path: Path) -> dict[str, np.ndarray]:
    predictions = read_predictions(path)
    return dict(zip(predictions.clip_ids, predictions.probabilities, strict=True))


def recognised(recogniser: Recogniser, files: Mapping[str, Mapping[str, str]]) -> dict[str, np.ndarray]:
    """Return the probabilities by clip, from the files of its streams."""
    results = recogniser.recognise_many([Recording(clip, own) for clip, own in files.items()], workers=2)
    found = {}
    for clip, result in zip(files, results, strict=True):
        assert isinstance(result, Recognition) and result.recording.name == clip
        assert result.probabilities.dtype == np.float32
        found[clip] = result.probabilities
    return found


def test_features_are_the_bytes_of_the_cache(one_stream: Path, two_streams: Path, drawn: Path) -> None:
    caches = {"path": one_stream / "features.h5", "path_skeleton": two_streams / "skeleton.h5"}
    for (column, path), model in zip(caches.items(), (one_stream, two_streams / "runs" / "skeleton"), strict=True):
        cache = read_cache(path)
        (stream,) = Recogniser.load(model, device="cpu")._streams.values()
        files = files_of(drawn, column)
        for clip, features in zip(files, stream.features(list(files.values()), workers=2), strict=True):
            assert not isinstance(features, str)
            row = cache.clip_id.index(clip)
            assert features.values.tobytes() == cache.features[row].tobytes()
            assert features.num_frames == cache.num_frames[row]


def test_probabilities_are_those_of_the_predictions_file(one_stream: Path, drawn: Path) -> None:
    files = {clip: {"features": file} for clip, file in files_of(drawn, "path").items()}
    of_seed = []
    for seed in (0, 1):
        expected = probabilities(one_stream / "predictions" / f"with-seed{seed}.h5")
        found = recognised(Recogniser.load(one_stream, seed=seed, device="cpu"), files)
        for clip, own in found.items():
            np.testing.assert_allclose(own, expected[clip], atol=ROUNDING)
        of_seed.append(expected)
    mean = recognised(Recogniser.load(one_stream, device="cpu"), files)
    for clip, own in mean.items():
        np.testing.assert_allclose(own, (of_seed[0][clip] + of_seed[1][clip]) / 2, atol=ROUNDING)


def test_two_streams_joined_and_late(two_streams: Path, drawn: Path, tmp_path: Path) -> None:
    video, skeleton = files_of(drawn, "path"), files_of(drawn, "path_skeleton")
    files = {clip: {"skeleton": skeleton[clip], "rgb": video[clip]} for clip in video}
    joined = recognised(Recogniser.load(two_streams, seed=1, device="cpu"), files)
    expected = probabilities(two_streams / "predictions" / "without-seed1.h5")
    for clip, own in joined.items():
        np.testing.assert_allclose(own, expected[clip], atol=ROUNDING)
    shutil.copytree(two_streams, tmp_path / "late")
    for seed in (0, 1):
        shutil.rmtree(tmp_path / "late" / "runs" / f"seed{seed}")
    model = Recogniser.load(tmp_path / "late", seed=0, device="cpu")
    assert "late fusion" in model.summary and model.streams == {"rgb": "video", "skeleton": "skeleton"}
    late = recognised(model, files)
    expected = probabilities(two_streams / "predictions" / "late-fusion-without-seed0.h5")
    for clip, own in late.items():
        np.testing.assert_allclose(own, expected[clip], atol=ROUNDING)


def test_from_python(one_stream: Path, drawn: Path) -> None:
    model = Recogniser.load(str(one_stream), device="cpu")
    video = next(iter(files_of(drawn, "path").values()))
    found = model.recognise(video)
    assert found.classes == model.classes == read_manifest(next(drawn.glob("*.csv"))).classes
    assert found.probabilities.shape == (5, 10) and found.ratios == (0.2, 0.4, 0.6, 0.8, 1)
    np.testing.assert_allclose(found.probabilities.sum(1), 1, atol=1e-5)
    best = found.top(2)
    assert [row[0].name for row in best] == [found.classes[index] for index in found.probabilities.argmax(1)]
    np.testing.assert_array_equal(model.recognise(Path(video)).probabilities, found.probabilities)


def test_a_folder_of_frames_is_a_video(one_stream: Path, drawn: Path, tmp_path: Path) -> None:
    from PIL import Image

    from extract.decoding.decoders.pyav import read_with_pyav

    video = Path(next(iter(files_of(drawn, "path").values())))
    for number, convert in enumerate(read_with_pyav(video)):
        Image.fromarray(convert()).save(tmp_path / f"{number:04}.png")
    model = Recogniser.load(one_stream, device="cpu")
    np.testing.assert_array_equal(model.recognise(tmp_path).probabilities, model.recognise(video).probabilities)


def test_what_cannot_be_recognised_is_named_and_the_rest_goes_on(one_stream: Path, drawn: Path, tmp_path: Path) -> None:
    files = list(files_of(drawn, "path").values())[:2]
    text = tmp_path / "text.mp4"
    text.write_text("no video")
    cut = tmp_path / "cut.avi"
    cut.write_bytes(Path(files[0]).read_bytes()[:-3000])
    skeleton = next(iter(files_of(drawn, "path_skeleton").values()))
    paths = [str(text), files[0], str(tmp_path / "missing.avi"), str(cut), skeleton, files[1]]
    model = Recogniser.load(one_stream, device="cpu")
    results = list(model.recognise_many([Recording(path, {"features": path}) for path in paths], workers=2))
    assert [type(each) for each in results] == [Unusable, Recognition, Unusable, Unusable, Unusable, Recognition]
    reasons = [each.reason for each in results if isinstance(each, Unusable)]
    assert "not a video" in reasons[0] and "does not exist" in reasons[1] and "cut" in reasons[2]
    assert reasons[3] == "the model takes videos, and this is a skeleton file"
    with pytest.raises(UserError, match="text.mp4 cannot be recognised: not a video"):
        model.recognise(text)


def test_a_video_for_a_skeleton_model_and_files_of_other_streams(two_streams: Path, drawn: Path) -> None:
    video = next(iter(files_of(drawn, "path").values()))
    with pytest.raises(UserError, match="the model takes skeleton files"):
        Recogniser.load(two_streams / "runs" / "skeleton", device="cpu").recognise(video)
    model = Recogniser.load(two_streams, device="cpu")
    with pytest.raises(UserError, match="the model takes the streams rgb, skeleton"):
        model.recognise(video)
    with pytest.raises(UserError, match="skeleton: the model takes skeleton files"):
        model.recognise({"rgb": video, "skeleton": video})


def test_skeletons_of_other_joints_are_refused(two_streams: Path, tmp_path: Path) -> None:
    from extract.skeletons.synthetic_skeleton import write_synthetic_skeleton

    write_synthetic_skeleton(tmp_path / "S001C001P001R001A001.skeleton", 30, seed=0)
    model = Recogniser.load(two_streams / "runs" / "skeleton", device="cpu")
    with pytest.raises(UserError, match="its skeletons do not have the 20 joints"):
        model.recognise(tmp_path / "S001C001P001R001A001.skeleton")


def test_the_joint_list_is_the_model_s(own_joints: Path, drawn: Path, tmp_path: Path) -> None:
    model = Recogniser.load(own_joints, seed=0, device="cpu")
    assert model.joint_list is not None and model.joint_list.names[:2] == ("j0", "j1")
    skeletons = files_of(drawn, "path_skeleton")
    expected = probabilities(own_joints / "predictions" / "without-seed0.h5")
    for clip, own in recognised(model, {clip: {"features": file} for clip, file in skeletons.items()}).items():
        np.testing.assert_allclose(own, expected[clip], atol=ROUNDING)
    shutil.copyfile(next(iter(skeletons.values())), tmp_path / "a.npy")
    names = [f"j{number}" for number in range(20)]
    (tmp_path / "joints.toml").write_text(f'names = {names}\ncentre = "j1"\nunit = "mm"\n')
    with pytest.raises(UserError, match="its joint list is not the model's .unit: m there, mm wanted"):
        model.recognise(tmp_path / "a.npy")
    (tmp_path / "joints.toml").write_text("names")
    with pytest.raises(UserError, match="joints.toml is not TOML"):
        model.recognise(tmp_path / "a.npy")
    with pytest.raises(UserError, match="the model has learnt from files with a joint list"):
        model.recognise(tmp_path / "a.mat")
