"""A folder becomes a manifest: classes, splits and ids from any layout, and a sentence for each folder that cannot."""

import os
from collections import Counter
from pathlib import Path

import pytest

from common.errors import UserError
from manifests.importing.division import Shares
from manifests.importing.folder_import import BY_CLIP, Imported, import_clips
from manifests.manifest import SPLITS
from tests.manifests.importing.conftest import clips_of, write_clips


def counts_of(imported: Imported) -> dict[str, tuple[int, ...]]:
    return {name: tuple(own[split] for split in SPLITS) for name, own in imported.counts.items()}


def test_a_folder_of_class_folders(videos: Path) -> None:
    write_clips(videos, [*clips_of(["walk", "Run"], 10), *clips_of(["jump"], 10, "{label}/day1/x/clip{number}.mov")])
    imported = import_clips(videos, "mine")
    manifest = imported.manifest
    assert manifest.classes == ("Run", "jump", "walk")
    assert dict(zip(manifest.clips["class_name"], manifest.clips["label"], strict=True)) == {
        "Run": 0,
        "jump": 1,
        "walk": 2,
    }
    assert manifest.clips["clip_id"].tolist()[9:11] == ["Run/clip9", "jump/day1/x/clip0"]
    assert manifest.clips["path"].tolist()[9:11] == ["Run/clip9.mp4", "jump/day1/x/clip0.mov"]
    assert manifest.protocol == "mine-by-clips-validation15-test25-seed0"
    assert all(own[0] == 6 and min(own) > 0 for own in counts_of(imported).values())
    assert imported.sentences() == [BY_CLIP]
    assert imported.root == videos


def test_groups_stay_in_one_split(videos: Path) -> None:
    write_clips(videos, [f"{label}/s{s:02}_t{t}.mp4" for label in ("walk", "run") for s in range(10) for t in range(3)])
    imported = import_clips(videos, "mine")
    clips = imported.manifest.clips
    assert len(clips.groupby("group")) == len(clips.groupby(["group", "split"])) == 10
    assert imported.manifest.protocol == "mine-by-groups-validation15-test25-seed0"
    assert imported.sentences() == []
    by_take = import_clips(videos, "mine", group_regex=r"_(t\d)")
    assert set(by_take.manifest.clips["group"]) == {"t0", "t1", "t2"}
    other = import_clips(videos, "mine", shares=Shares(0.2, 0.4, 7)).manifest
    assert Counter(other.clips["split"]) == {"train": 24, "validation": 12, "test": 24}
    assert other.protocol == "mine-by-groups-validation20-test40-seed7"


def test_folders_of_splits_are_the_splits(videos: Path) -> None:
    for split, count in {"Train": 5, "val": 2, "test": 3}.items():
        write_clips(videos, clips_of(["walk", "run"], count, f"{split}/{{label}}/clip{{number}}.mp4"))
    imported = import_clips(videos, "mine")
    assert counts_of(imported) == {"run": (5, 2, 3), "walk": (5, 2, 3)}
    assert imported.manifest.protocol == "mine-given"
    assert "Train/run/clip0" in set(imported.manifest.clips["clip_id"])
    assert imported.sentences() == []


def test_a_split_that_is_not_given_is_cut_from_the_training_clips(videos: Path) -> None:
    write_clips(videos, clips_of(["walk", "run"], 15, "train/{label}/clip{number}.mp4"))
    write_clips(videos, clips_of(["walk", "run"], 5, "test/{label}/clip{number}.mp4"))
    imported = import_clips(videos, "mine")
    assert counts_of(imported) == {"run": (12, 3, 5), "walk": (12, 3, 5)}
    assert imported.manifest.protocol == "mine-given-by-clips-validation15-seed0"
    test = imported.manifest.split("test")["path"]
    assert all(path.startswith("test/") for path in test)


def test_given_splits_that_share_groups_are_said(videos: Path) -> None:
    for number, split in enumerate(("train", "val", "test")):
        write_clips(videos, [f"{split}/{label}/s0{s}_{number}.mp4" for label in ("walk", "run") for s in (1, 2, 3)])
    (sentence,) = import_clips(videos, "mine").sentences()
    assert "3 of 3 groups are in more than one split" in sentence


def test_a_class_may_be_called_as_a_split(videos: Path) -> None:
    write_clips(videos, clips_of(["train", "car"], 5))
    assert import_clips(videos, "mine").manifest.classes == ("car", "train")


def test_ids_are_unique(videos: Path) -> None:
    write_clips(videos, clips_of(["walk", "run"], 4))
    write_clips(videos, ["walk/clip0.avi"])
    ids = import_clips(videos, "mine").manifest.clips["clip_id"]
    assert {"walk/clip0.avi", "walk/clip0.mp4", "walk/clip1", "run/clip0"} <= set(ids)


def test_skeleton_files_are_clips_too(videos: Path) -> None:
    write_clips(videos, [f"A00{a}/S001C001P00{p}R001A00{a}.skeleton" for a in (1, 2) for p in range(1, 9)])
    write_clips(videos, ["joints.toml"])
    imported = import_clips(videos, "mine")
    assert imported.groups.startswith("performers")
    assert imported.left_out == {}


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ([], "no clips in .*: every class needs a subfolder"),
        (["one.mp4", "two.mp4"], "no clips in .*; 2 in no class folder: one.mp4, two.mp4"),
        (["a/notes.txt", "a/x.jpg"], "no clips in .*; 2 not a video or skeleton file: a/notes.txt, a/x.jpg"),
        (["walk/1.mp4", "walk/2.mp4"], "all clips are of one class, walk, so there is nothing to learn"),
        (["a/1.mp4", "b/1.mp4"], "2 groups or single clips of 2 classes are too few"),
        (["Walk/1.mp4", "walk/2.mp4"], "these classes have nearly the same name: Walk and walk; join or rename"),
        (["é/1.mp4", "e\u0301/2.mp4"], "these classes have nearly the same name"),
        (["1/1.mp4", "01/2.mp4", "2/3.mp4"], "these classes have nearly the same name: 01 and 1; join or rename"),
        (["walk/1.mp4", "walk /2.mp4"], "the class 'walk ' has a space at its beginning or end; remove the space"),
        (
            ["a/1.mp4", "b/1.mat", "b/2.mat"],
            r"1 video, such as a/1\.mp4, and 2 skeleton files, such as b/1\.mat, are m",
        ),
        (["train/a/1.mp4", "test/a/1.mp4", "walk/1.mp4"], "test, train are splits, and walk beside them are not"),
        (["val/a/1.mp4", "test/a/1.mp4", "val/b/1.mp4"], "the given splits are test and validation, without training"),
        (["train/a/1.mp4", "test/b/1.mp4", "test/a/1.mp4"], "too few for the splits train, validation"),
        (["train/a/1.mp4", "train/b/1.mp4", "val/a/1.mp4", "test/c/2.mp4"], "no training clip of 1 of 3 classes: c"),
    ],
)
def test_folders_that_cannot_work_are_refused(videos: Path, files: list[str], sentence: str) -> None:
    write_clips(videos, files)
    with pytest.raises(UserError, match=sentence):
        import_clips(videos, "mine")


def test_what_is_not_there_is_refused(videos: Path, tmp_path: Path) -> None:
    write_clips(videos, clips_of("ab", 5))
    with pytest.raises(
        UserError, match="nowhere does not exist; give a folder with a subfolder for each class, or a CSV"
    ):
        import_clips(tmp_path / "nowhere", "mine")
    with pytest.raises(UserError, match="--videos is for a CSV of clips"):
        import_clips(videos, "mine", videos=videos)


def test_classes_that_lack_clips_are_named(videos: Path) -> None:
    write_clips(videos, [*clips_of(["a", "b"], 10), *clips_of(["c"], 1), "d/notes.txt", "stray.mp4"])
    (videos / "e").mkdir()
    imported = import_clips(videos, "mine")
    assert counts_of(imported)["c"] == (1, 0, 0)
    assert imported.sentences() == [
        "left out, not a video or skeleton file: d/notes.txt",
        "left out, in no class folder: stray.mp4",
        "no clips in 2 class folders: d, e",
        "1 of 3 classes have no validation clips: c; they have too few clips or groups, or the given splits have none",
        "1 of 3 classes have no test clips: c; they have too few clips or groups, or the given splits have none",
        BY_CLIP,
    ]


@pytest.mark.parametrize("clips", [2, 3])
def test_few_clips_a_class_still_make_three_splits(videos: Path, clips: int) -> None:
    write_clips(videos, clips_of("abcdef", clips))
    imported = import_clips(videos, "mine")
    assert set(imported.manifest.clips["split"]) == set(SPLITS)
    assert all(own[0] > 0 for own in counts_of(imported).values())
    assert any("classes have no validation clips" in sentence for sentence in imported.sentences())


def test_names_with_commas_quotes_and_spaces(videos: Path) -> None:
    write_clips(videos, clips_of(['say "hi", twice', "it's", "[b]old"], 5, "{label}/a, b {number} '\".mp4"))
    imported = import_clips(videos, "mine")
    assert imported.manifest.classes == ("[b]old", "it's", 'say "hi", twice')
    assert len(imported.manifest.clips) == 15


def test_ten_thousand_classes(videos: Path) -> None:
    write_clips(videos.parent, ["one.mp4"])
    for number in range(10_000):
        folder = videos / f"class{number:05}"
        folder.mkdir()
        for clip in ("x.mp4", "y.mp4"):
            os.link(videos.parent / "one.mp4", folder / clip)  # quicker than a file of its own
    imported = import_clips(videos, "mine")
    assert (len(imported.manifest.classes), len(imported.manifest.clips)) == (10_000, 20_000)
