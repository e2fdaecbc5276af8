"""The values "auto" of a recipe: chosen once, for the clips and what is on this machine, and kept for later runs."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from common.errors import UserError
from evaluate.pipeline.inputs import PipelineInputs, replace_seeds
from evaluate.pipeline.plans import StagePlans, make_plans
from extract.cache_rows import Row
from extract.cache_writer import write_cache
from extract.decoding.synthetic_clip import write_numbered_clip
from manifests.manifest import COLUMNS, Manifest, write_manifest
from manifests.recipes.recipe import read_recipe
from manifests.released_weights import read_weights

AUTO = '[extract]\nbackbone = "auto"\nframes_per_segment = "auto"\n'


def make_data(folder: Path, suffix: str = ".avi", frames: int | None = None, extra: str = "") -> Path:
    """Write a manifest of six clips with a recipe beside it that names it, and return the recipe."""
    rows = [
        (f"{split}{number}", f"{split}{number}{suffix}", number, "ab"[number], "", split, "mine")
        for split in ("train", "validation", "test")
        for number in range(2)
    ]
    clips = pd.DataFrame(rows, columns=list(COLUMNS))
    if frames is not None:
        clips["num_frames"] = frames
    write_manifest(Manifest(clips, ("a", "b")), folder / "m.csv")
    (folder / "v").mkdir(exist_ok=True)
    (folder / "r.toml").write_text(f'[data]\ndataset = "other"\nmanifest = "m.csv"\nvideos = "v"\n{extra}')
    return folder / "r.toml"


def plans_of(recipe: Path, weights: Path | None = None, sentences: list[str] | None = None) -> StagePlans:
    out = recipe.parent / "out"
    notify = [].append if sentences is None else sentences.append
    return make_plans(read_recipe(recipe), PipelineInputs(out), notify, weights or recipe.parent / "no-weights")


def chosen(plans: StagePlans) -> tuple[str, str, object]:
    config = plans.extraction.extracted["features"].config
    return config.backbone, config.weights, config.frames_per_segment


def put_weights(folder: Path, name: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / read_weights()[name].file).write_bytes(b"only its name is looked at before the extraction")
    return folder


@pytest.mark.parametrize(("frames", "expected"), [(200, 4), (35, 3), (9, 1), (1, 1)])
def test_videos_get_the_installed_network_and_the_frames_that_they_have(
    tmp_path: Path, frames: int, expected: int
) -> None:
    sentences: list[str] = []
    plans = plans_of(make_data(tmp_path, frames=frames, extra=AUTO), sentences=sentences)
    assert chosen(plans) == ("efficientnet_lite0", "timm-package", expected)
    assert plans.extraction.clips.root == tmp_path / "v"
    assert plans.training.record["extract"]["frames_per_segment"] == expected
    assert plans.training.record["data"]["protocol"] == "mine"
    assert f"backbone efficientnet_lite0, weights timm-package, {expected} frames a segment" in sentences[0]


def test_the_length_is_read_in_the_headers_of_training_clips(tmp_path: Path) -> None:
    recipe = make_data(tmp_path, extra=AUTO)
    write_numbered_clip(tmp_path / "v" / "train0.avi", 35)
    (tmp_path / "v" / "train1.avi").write_bytes(b"no video")
    assert chosen(plans_of(recipe))[2] == 3


def test_released_weights_are_taken_if_they_were_fetched_and_kept_from_then_on(tmp_path: Path) -> None:
    weights = put_weights(tmp_path / "w", "tsm-r50-8f-kinetics400")
    recipe = make_data(tmp_path, frames=20, extra=AUTO)
    wanted = (
        "tsm_resnet50",
        "tsm-r50-8f-kinetics400",
        8,
    )  # trained on 8 frames, so it always gets them, also where clips are short
    assert chosen(plans_of(recipe, weights)) == wanted
    assert chosen(plans_of(recipe)) == wanted
    record = json.loads((tmp_path / "out" / "auto.json").read_text())
    assert record == {"features": dict(zip(("backbone", "weights", "frames_per_segment"), wanted, strict=True))}


def test_values_are_kept_when_weights_or_clips_are_added(tmp_path: Path) -> None:
    first = chosen(plans_of(make_data(tmp_path, frames=45, extra=AUTO)))
    weights = put_weights(tmp_path / "w", "tsm-r50-8f-kinetics400")
    assert chosen(plans_of(make_data(tmp_path, frames=200, extra=AUTO), weights)) == first


def test_a_recipe_that_now_names_a_value_is_obeyed(tmp_path: Path) -> None:
    plans_of(make_data(tmp_path, frames=45, extra=AUTO))
    named = '[extract]\nbackbone = "timm:test_resnet"\nweights = "random"\nframes_per_segment = "auto"\n'
    assert chosen(plans_of(make_data(tmp_path, frames=25, extra=named))) == ("timm:test_resnet", "random", 2)


def test_skeletons_get_statistics_of_their_joints(tmp_path: Path) -> None:
    assert chosen(plans_of(make_data(tmp_path, ".skeleton", extra=AUTO))) == ("joint_statistics", "none", 8)


def test_a_recipe_that_says_nothing_of_features_has_auto_for_all(tmp_path: Path) -> None:
    assert chosen(plans_of(make_data(tmp_path, frames=30))) == ("efficientnet_lite0", "timm-package", 3)


def test_nothing_is_chosen_or_written_where_the_recipe_says_all(tmp_path: Path) -> None:
    named = '[extract]\nbackbone = "timm:test_resnet"\nweights = "random"\n'
    assert chosen(plans_of(make_data(tmp_path, extra=named))) == ("timm:test_resnet", "random", 8)
    assert not (tmp_path / "out").exists()


def test_streams_are_chosen_by_the_files_of_their_columns(tmp_path: Path) -> None:
    streams = "[streams.rgb]\n[streams.joints]\ncolumn = 'path_skeleton'\n"
    recipe = make_data(tmp_path, extra=streams)
    clips = pd.read_csv(tmp_path / "m.csv", keep_default_na=False)
    clips["path_skeleton"] = [f"{clip}.npy" for clip in clips["clip_id"]]
    write_manifest(Manifest(clips, ("a", "b")), tmp_path / "m.csv")
    sentences: list[str] = []
    extracted = plans_of(recipe, sentences=sentences).extraction.extracted
    assert {name: stream.config.backbone for name, stream in extracted.items()} == {
        "rgb": "efficientnet_lite0",
        "joints": "joint_statistics",
    }
    assert [sentence.split(":")[0] for sentence in sentences] == [
        "features of stream rgb", "features of stream joints"
    ]  # fmt: skip


def test_a_given_cache_is_taken_as_it_is(tmp_path: Path) -> None:
    recipe = read_recipe(make_data(tmp_path, extra=AUTO))
    clips = pd.read_csv(tmp_path / "m.csv")["clip_id"].tolist()
    rows = [Row(clip, np.zeros((10, 2), np.float32), 9, True) for clip in clips]
    settings = {"backbone": "timm:test_resnet", "frames_per_segment": 3}
    write_cache(tmp_path / "f.h5", rows, clips, (10, 2), settings)
    plans = make_plans(recipe, PipelineInputs(tmp_path / "out", caches={"features": tmp_path / "f.h5"}))
    assert list(plans.extraction.given) == ["features"]
    assert not (tmp_path / "out").exists()


def test_other_seeds_keep_the_files_of_a_recipe(tmp_path: Path) -> None:
    recipe = read_recipe(make_data(tmp_path))
    assert replace_seeds(recipe, [7]).data == recipe.data


def test_what_cannot_be_chosen_is_refused(tmp_path: Path) -> None:
    recipe = make_data(tmp_path, extra=AUTO)
    clips = pd.read_csv(tmp_path / "m.csv", keep_default_na=False)
    clips.loc[0, "path"] = "train0.mat"
    write_manifest(Manifest(clips, ("a", "b")), tmp_path / "m.csv")
    with pytest.raises(UserError, match="mixes 1 skeleton files, such as train0.mat, with videos"):
        plans_of(recipe)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "auto.json").write_text('{"features": {"backbone": 3}}')
    with pytest.raises(UserError, match=r"auto\.json: backbone: must be text in quotation marks, not 3"):
        plans_of(recipe)
    with pytest.raises(UserError, match=r"makes features of the files in column 'path_x'"):
        plans_of(make_data(tmp_path, extra=AUTO + 'column = "path_x"\n'))


def test_the_files_that_a_recipe_names_must_be_there(tmp_path: Path) -> None:
    recipe = make_data(tmp_path, frames=30)
    (tmp_path / "v").rmdir()
    with pytest.raises(UserError, match=r"the video folder .*/v does not exist; correct data\.videos in recipe r, or"):
        plans_of(recipe)
    assert not (tmp_path / "out").exists()  # nothing was chosen for files that are not there
    (tmp_path / "m.csv").unlink()
    with pytest.raises(UserError, match=r"m\.csv is missing"):
        plans_of(recipe)
    recipe.write_text('[data]\ndataset = "other"\n')
    with pytest.raises(UserError, match=r"recipe r needs --manifest, or data\.manifest in it: `python -m manifests f"):
        plans_of(recipe)
