"""HMDB51 and JHMDB from made-up lists in the form of the real ones: splits, counts, sources, what is refused."""

from pathlib import Path

import pytest

from common.errors import UserError
from manifests.datasets import hmdb51, jhmdb
from manifests.datasets.split_lists import ListedSet, source_of
from manifests.published import is_whole

Lists = dict[str, list[tuple[str, int]]]  # class → files with their numbers


def made_up(source: ListedSet) -> Lists:
    """Of each class 70 training and 30 test clips and three that are left out, of films with five clips each."""
    kinds = [1] * 70 + [2] * 30 + [0] * 3
    return {
        name: [
            (f"Film{number // 5}_(x)_{name}_f_cm_np1_fr_med_{number % 5}.avi", kind)
            for number, kind in enumerate(kinds)
        ]
        for name in source.classes
    }


def write(folder: Path, lists: Lists, split: int = 1) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, lines in lists.items():
        # As in the real lists, lines end with a space.
        text = "".join(f"{file} {kind} \n" for file, kind in lines)
        (folder / f"{name}_test_split{split}.txt").write_text(text)
    return folder


def test_the_whole_of_hmdb51(tmp_path: Path) -> None:
    lists = made_up(hmdb51.SET)
    write(tmp_path / "testTrainMulti_7030_splits", lists, 2)
    for name, lines in lists.items():
        (tmp_path / "videos" / name).mkdir(parents=True)
        for file, _ in lines:
            (tmp_path / "videos" / name / file).touch()
    manifest, sentences = hmdb51.HMDB51.build(tmp_path, "hmdb51-split2")
    clips = manifest.clips
    assert sentences == [] and manifest.protocol == "hmdb51-split2" and is_whole(manifest)
    assert clips["split"].value_counts().to_dict() == {"train": 3315, "validation": 255, "test": 1530}
    row = clips[clips["clip_id"] == "climb_stairs/Film3_(x)_climb_stairs_f_cm_np1_fr_med_4"].iloc[0].to_dict()
    assert row == {
        "clip_id": "climb_stairs/Film3_(x)_climb_stairs_f_cm_np1_fr_med_4",
        "path": "videos/climb_stairs/Film3_(x)_climb_stairs_f_cm_np1_fr_med_4.avi",
        "label": 6,
        "class_name": "climb_stairs",
        "group": "Film3_(x)",
        "split": row["split"],
        "protocol": "hmdb51-split2",
        "path_video": "videos/climb_stairs/Film3_(x)_climb_stairs_f_cm_np1_fr_med_4.avi",
    }
    films = clips.groupby("group")["split"].agg(set)
    assert all("validation" not in splits or "train" not in splits for splits in films)
    whole, _ = hmdb51.HMDB51.build(tmp_path, "hmdb51-split2", hold_out=[])
    assert "validation" not in set(whole.clips["split"])
    # A clip less is a subset with the same validation clips.
    gone = clips[clips["split"] == "train"].iloc[0]
    (tmp_path / gone["path"]).unlink()
    subset, sentences = hmdb51.HMDB51.build(tmp_path, "hmdb51-split2")
    assert subset.protocol == "hmdb51-split2-subset"
    assert sentences == [f"1 of the 5100 clips are not in {tmp_path}; the first: {gone['clip_id']}"]
    assert set(subset.split("validation")["clip_id"]) == set(clips[clips["split"] == "validation"]["clip_id"])


def jhmdb_lists() -> Lists:
    """928 clips of 21 classes, 20 or 23 of them training clips."""
    return {
        name: [(f"Film{n}_{name}_u_nm_np1_ba_goo_0.avi", 1 + n // 32) for n in range(48 if name == "wave" else 44)]
        for name in jhmdb.CLASSES
    }


def test_jhmdb_takes_frames_before_videos_and_no_masks(tmp_path: Path) -> None:
    lists = jhmdb_lists()
    write(tmp_path / "splits", lists)
    for name in ("wave", "golf"):
        for file, _ in lists[name]:
            clip = file.removesuffix(".avi")
            for kind, content in (("Rename_Images", "00001.png"), ("puppet_mask", "puppet_mask.mat")):
                (tmp_path / kind / name / clip).mkdir(parents=True)
                (tmp_path / kind / name / clip / content).touch()
    (tmp_path / "Rename_Images" / "wave" / ".AppleDouble").mkdir()
    (tmp_path / "Rename_Images" / "wave" / ".AppleDouble" / "x.png").touch()
    (tmp_path / "ReCompress_Videos" / "golf").mkdir(parents=True)
    (tmp_path / "ReCompress_Videos" / "golf" / lists["golf"][0][0]).touch()
    manifest, sentences = jhmdb.JHMDB.build(tmp_path)
    clips = manifest.clips
    assert manifest.protocol == "jhmdb-split1-subset" and len(manifest.classes) == 21
    assert len(clips) == 44 + 48 and (clips["split"] == "test").sum() == 12 + 16
    assert clips["path"][0] == "Rename_Images/golf/Film0_golf_u_nm_np1_ba_goo_0" == clips["path_frames"][0]
    assert set(clips["label"]) == {4, 20}
    assert sentences[0].startswith(f"836 of the 928 clips are not in {tmp_path}; the first: brush_hair/Film0_")
    assert sentences[1].startswith("no column path_video: 91 of the 92 clips have none")
    assert not is_whole(manifest)


def test_the_source_in_a_name() -> None:
    assert source_of("#20_Rhythm_clap_u_nm_np1_fr_goo_0", "clap") == "#20_Rhythm"
    assert source_of("Movie_kick_ball_f_cm_np12_le_bad_31", "kick_ball") == "Movie"
    assert source_of("Movie_other_f_cm_np1_ri_bad_31", "kick") == "Movie_other"
    assert source_of("another_form", "form") == "another_form"


def test_what_is_refused(tmp_path: Path) -> None:
    build = jhmdb.JHMDB.build
    with pytest.raises(UserError, match="no protocol 'jhmdb'; known: jhmdb-split1, jhmdb-split2, jhmdb-split3"):
        build(tmp_path, "jhmdb")
    with pytest.raises(UserError, match="does not exist"):
        build(tmp_path / "nowhere")
    lists = jhmdb_lists()
    write(tmp_path, {name: lines for name, lines in lists.items() if name != "sit"})
    with pytest.raises(UserError, match=r"1 of the 21 lists of split 1 are not in .*: sit_test_split1\.txt; unpack"):
        build(tmp_path)
    write(tmp_path, lists)
    with pytest.raises(UserError, match="none of the 928 clips wanted is in"):
        build(tmp_path)
    with pytest.raises(UserError, match="jhmdb-split1 holds out sources"):
        (tmp_path / "golf").mkdir()
        (tmp_path / "golf" / lists["golf"][0][0]).touch()
        build(tmp_path, hold_out=[1])
    write(tmp_path, {"sit": lists["sit"][1:]})
    with pytest.raises(UserError, match="the lists of jhmdb-split1 in .* have 927 clips and not 928: they are damaged"):
        build(tmp_path)
    (tmp_path / "sit_test_split1.txt").write_text("a.avi 1\nb.avi 3\n")
    with pytest.raises(UserError, match=r"sit_test_split1\.txt, line 2: 'b\.avi 3' is not a file \.avi and 0, 1 or 2"):
        build(tmp_path)
    write(tmp_path / "again", {"sit": lists["sit"]})
    with pytest.raises(UserError, match="two lists of one class in"):
        build(tmp_path)
