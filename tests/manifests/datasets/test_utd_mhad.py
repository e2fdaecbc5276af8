"""UTD-MHAD's cross-subject protocol: the 861 clips, its kinds of files, hold-outs, subsets."""

from pathlib import Path

import pytest

from common.errors import UserError
from manifests.datasets import utd_mhad
from manifests.published import is_whole


def touch(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


def test_counts() -> None:
    ids = utd_mhad.clip_ids()
    subjects = [int(clip.split("_")[1][1:]) for clip in ids]
    assert len(ids) == 861 == len(set(ids))
    assert sum(subject in utd_mhad.TRAINING for subject in subjects) == 431
    assert ids[:2] == ["a1_s1_t1", "a1_s1_t2"] and ids[-1] == "a27_s8_t3"
    assert len(utd_mhad.CLASSES) == 27 == len(set(utd_mhad.CLASSES))


def test_the_real_data_set(early_data: Path) -> None:
    manifest, sentences = utd_mhad.build(early_data / "utd_mhad", "utd-mhad-xsub")
    clips = manifest.clips
    assert sentences == []
    assert manifest.protocol == "utd-mhad-xsub" and is_whole(manifest)
    assert clips["split"].value_counts().to_dict() == {"test": 430, "train": 323, "validation": 108}
    assert clips.groupby("split")["subject"].unique().map(sorted).to_dict() == {
        "train": [1, 3, 5], "validation": [7], "test": [2, 4, 6, 8]
    }  # fmt: skip
    assert {"path", "path_skeleton", "path_depth"} < set(clips) and "path_color" not in clips
    assert (clips["path"] == clips["path_skeleton"]).all()
    row = clips.set_index("clip_id").loc["a10_s2_t3"]
    assert row["path"] == "skeleton/a10_s2_t3_skeleton.mat"
    assert row["path_depth"] == "depth_video/a10_s2_t3.avi"
    assert (row["label"], row["class_name"]) == (9, "right hand draw circle (counter clockwise)")
    assert (row["group"], row["subject"], row["action"], row["trial"]) == ("s2", 2, 10, 3)


def test_a_subset_keeps_its_indices_and_names_what_lacks(tmp_path: Path) -> None:
    touch(tmp_path / "x", *(f"{clip}_skeleton.mat" for clip in ("a27_s1_t1", "a3_s7_t2", "a3_s8_t2")))
    manifest, sentences = utd_mhad.build(tmp_path, "utd-mhad-xsub")
    assert manifest.clips["clip_id"].tolist() == ["a3_s7_t2", "a3_s8_t2", "a27_s1_t1"]
    assert manifest.clips["label"].tolist() == [2, 2, 26]
    assert manifest.clips["split"].tolist() == ["validation", "test", "train"]
    assert manifest.protocol == "utd-mhad-xsub-subset"
    assert len(manifest.classes) == 27
    assert sentences == [f"858 of the 861 clips are not in {tmp_path}; the first: a1_s1_t1, a1_s1_t2, a1_s1_t3"]


def test_a_kind_with_gaps_is_no_column(tmp_path: Path) -> None:
    clips = ("a1_s1_t1", "a1_s2_t1")
    touch(tmp_path / "Skeleton", *(f"{clip}_skeleton.mat" for clip in clips))
    touch(tmp_path / "RGB", *(f"{clip}_color.avi" for clip in clips))
    touch(tmp_path / "Depth", "a1_s2_t1.avi", "a1_s3_t1.avi")
    manifest, sentences = utd_mhad.build(tmp_path, "utd-mhad-xsub")
    assert [column for column in manifest.clips if column.startswith("path")] == ["path", "path_skeleton", "path_color"]
    assert manifest.clips["path_color"].tolist() == ["RGB/a1_s1_t1_color.avi", "RGB/a1_s2_t1_color.avi"]
    assert sentences[1:] == ["no column path_depth: 1 of the 2 clips have none, as a1_s1_t1"]


def test_videos_alone_are_the_path(tmp_path: Path) -> None:
    touch(tmp_path, "a1_s1_t1.avi", "a1_s2_t1.avi")
    manifest, _ = utd_mhad.build(tmp_path, "utd-mhad-xsub")
    assert manifest.clips["path"].tolist() == manifest.clips["path_depth"].tolist() == ["a1_s1_t1.avi", "a1_s2_t1.avi"]
    assert "path_skeleton" not in manifest.clips


def test_hold_out_by_hand_is_part_of_the_name(tmp_path: Path) -> None:
    touch(tmp_path, *(f"a1_s{subject}_t1_skeleton.mat" for subject in range(1, 9)))
    manifest, _ = utd_mhad.build(tmp_path, "utd-mhad-xsub", hold_out=[5, 1])
    assert manifest.protocol == "utd-mhad-xsub-holdout-1-5-subset"
    assert manifest.split("validation")["group"].tolist() == ["s1", "s5"]
    # The default chosen by hand is the default; nothing held out is the plain protocol without a validation part.
    assert utd_mhad.build(tmp_path, "utd-mhad-xsub", hold_out=[7])[0].protocol == "utd-mhad-xsub-subset"
    bare, _ = utd_mhad.build(tmp_path, "utd-mhad-xsub", hold_out=[])
    assert bare.protocol == "utd-mhad-xsub-subset" and "validation" not in set(bare.clips["split"])
    with pytest.raises(UserError, match="subject 8 is not a training subject of utd-mhad-xsub"):
        utd_mhad.build(tmp_path, "utd-mhad-xsub", hold_out=[8])


def test_errors(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no protocol 'utd'; known: utd-mhad-xsub"):
        utd_mhad.build(tmp_path, "utd")
    with pytest.raises(UserError, match="does not exist"):
        utd_mhad.build(tmp_path / "nowhere", "utd-mhad-xsub")
    # The three combinations that were not published, and names of no clip, are nothing.
    touch(tmp_path, "a8_s1_t4_skeleton.mat", "a28_s1_t1_skeleton.mat", "a1_s9_t1_skeleton.mat", "a1_s1_t1_inertial.mat")
    with pytest.raises(UserError, match="none of the 861 clips wanted"):
        utd_mhad.build(tmp_path, "utd-mhad-xsub")
    touch(tmp_path / "a", "a1_s1_t1.avi")
    touch(tmp_path / "b", "a1_s1_t1.avi")
    with pytest.raises(UserError, match="two files for one clip"):
        utd_mhad.build(tmp_path, "utd-mhad-xsub")
