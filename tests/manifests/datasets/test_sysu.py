"""SYSU's protocols: 240/240 each, actors numbered by byte order, drawn splits that never change, subsets."""

import hashlib
import shutil
from pathlib import Path

import pandas as pd
import pytest

from common.errors import UserError
from manifests.datasets import sysu
from manifests.published import is_whole

# Upper case comes before lower case in byte order, though not in a dictionary's.
ACTORS = [f"{first}{number:02d}" for first in ("Zoe", "adam") for number in range(20)]


def make_actors(root: Path, actors: list[str], *, rgb: bool = True, skeleton: bool = True) -> Path:
    for actor in reversed(actors):
        for number in range(1, 13):
            clip = root / actor / f"video{number}"
            (clip / "rgb" if rgb else clip).mkdir(parents=True)
            if rgb:
                (clip / "rgb" / "0001.jpg").touch()
            if skeleton:
                (clip / "sklWorld.mat").touch()
    (root / "matlabcode").mkdir()
    (root / ".hidden").mkdir()
    (root / "readme.txt").touch()
    return root


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_actors(tmp_path_factory.mktemp("sysu"), ACTORS)


def built(folder: Path, protocol: str) -> pd.DataFrame:
    manifest, sentences = sysu.build(folder, protocol)
    assert sentences == []
    assert manifest.protocol == protocol
    assert manifest.classes == sysu.CLASSES
    return manifest.clips


def splits(clips: pd.DataFrame) -> dict[str, int]:
    return {str(name): int(count) for name, count in clips["split"].value_counts().items()}


def test_the_fixed_split(whole: Path) -> None:
    clips = built(whole, "sysu-xsub-fixed")
    assert splits(clips) == {"train": 216, "validation": 24, "test": 240}
    assert is_whole(sysu.build(whole, "sysu-xsub-fixed")[0])
    assert clips.groupby("split")["subject"].unique().map(list).to_dict() == {
        "train": list(range(1, 19)), "validation": [19, 20], "test": list(range(21, 41))
    }  # fmt: skip
    row = clips.set_index("clip_id").loc["a12_21"]
    assert (row["label"], row["class_name"], row["group"]) == (11, "sweeping", "21")
    assert row["path"] == row["path_rgb"] == "adam00/video12/rgb"
    assert row["path_skeleton"] == "adam00/video12/sklWorld.mat"
    assert (clips["path"].str.split("/").str[0] == [ACTORS[subject - 1] for subject in clips["subject"]]).all()
    assert not clips["clip_id"].str.contains("adam|Zoe").any()


@pytest.mark.parametrize("number", [0, 7, 29])
def test_setting_1_halves_every_class(whole: Path, number: int) -> None:
    clips = built(whole, f"sysu-setting1-split{number:02d}")
    by_class = clips.groupby(["class_name", "split"]).size().unstack()
    assert (by_class == [20, 18, 2]).all(axis=None)  # test, train, validation
    trained = clips[clips["split"] != "test"].groupby("class_name")["subject"].unique().map(sorted).map(tuple)
    assert trained.nunique() == 12  # each class is halved for itself


@pytest.mark.parametrize("number", [0, 7, 29])
def test_setting_2_halves_the_subjects(whole: Path, number: int) -> None:
    clips = built(whole, f"sysu-setting2-split{number:02d}")
    assert splits(clips) == {"train": 216, "validation": 24, "test": 240}
    assert clips.groupby("subject")["split"].nunique().max() == 1


@pytest.mark.parametrize("setting", [1, 2])
def test_the_thirty_splits_differ_and_are_drawn_again_alike(whole: Path, setting: int) -> None:
    protocols = [protocol for protocol in sysu.PROTOCOLS if f"setting{setting}" in protocol]
    assert len(protocols) == 30
    tests = {p: frozenset(built(whole, p).query("split == 'test'")["clip_id"]) for p in protocols[::5]}
    assert len(set(tests.values())) == len(tests)
    assert tests[protocols[5]] == set(built(whole, protocols[5]).query("split == 'test'")["clip_id"])


def test_a_drawn_split_never_changes(whole: Path) -> None:
    """Numbers made with a split hold for it only as long as numpy's draws stay the same."""
    first = built(whole, "sysu-setting2-split00")
    assert sorted(set(first.query("split != 'test'")["subject"])) == [
        1, 2, 3, 4, 5, 11, 12, 18, 19, 21, 23, 24, 25, 27, 28, 29, 31, 35, 38, 39
    ]  # fmt: skip
    assert set(first.query("split == 'validation'")["subject"]) == {12, 28}
    third = [",".join(built(whole, protocol)["split"]) for protocol in sysu.PROTOCOLS[1::3]]
    assert hashlib.sha256("\n".join(third).encode()).hexdigest()[:16] == "b5a6257ae175b55a"


def test_skeletons_alone(tmp_path: Path) -> None:
    clips = built(make_actors(tmp_path, ACTORS, rgb=False), "sysu-xsub-fixed")
    assert clips["path"].tolist() == clips["path_skeleton"].tolist()
    assert clips["path"][0] == "Zoe00/video1/sklWorld.mat"
    assert "path_rgb" not in clips


@pytest.mark.parametrize("above", ["3DvideoNorm", "SYSU3DAction/3DvideoNorm"])
def test_the_downloads_own_folders(tmp_path: Path, above: str) -> None:
    make_actors(tmp_path / above, ACTORS)
    clips = built(tmp_path, "sysu-xsub-fixed")
    assert clips["path"][0] == f"{above}/Zoe00/video1/rgb"


def test_missing_clips_make_a_subset(tmp_path: Path) -> None:
    make_actors(tmp_path, ACTORS)
    shutil.rmtree(tmp_path / "Zoe01" / "video3")
    (tmp_path / "adam19" / "video12" / "rgb" / "0001.jpg").unlink()  # an empty folder is no clip
    (tmp_path / "adam02" / "video1" / "sklWorld.mat").unlink()
    manifest, sentences = sysu.build(tmp_path, "sysu-xsub-fixed")
    assert manifest.protocol == "sysu-xsub-fixed-subset"
    assert len(manifest.clips) == 478
    assert "path_skeleton" not in manifest.clips
    assert sentences == [
        f"2 of the 480 clips are not in {tmp_path}; the first: a03_02, a12_40",
        "no column path_skeleton: 1 of the 478 clips have none, as a01_23",
    ]
    assert manifest.clips.set_index("clip_id").loc["a01_03", "path"] == "Zoe02/video1/rgb"


def test_a_missing_actor_would_renumber_the_others(tmp_path: Path) -> None:
    make_actors(tmp_path, ACTORS)
    shutil.rmtree(tmp_path / "Zoe05")
    with pytest.raises(UserError, match="39 folders of actors .* add an empty folder for each actor"):
        sysu.build(tmp_path, "sysu-xsub-fixed")
    (tmp_path / "Zoe05").mkdir()
    manifest, sentences = sysu.build(tmp_path, "sysu-xsub-fixed")
    assert sentences[0].startswith("12 of the 480 clips are not in ")
    assert manifest.clips.set_index("clip_id").loc["a01_07", "path"] == "Zoe06/video1/rgb"


def test_hold_out_by_hand(whole: Path) -> None:
    manifest, _ = sysu.build(whole, "sysu-xsub-fixed", hold_out=[3, 1])
    assert manifest.protocol == "sysu-xsub-fixed-holdout-1-3"
    assert set(manifest.split("validation")["subject"]) == {1, 3}
    manifest, _ = sysu.build(whole, "sysu-setting2-split00", hold_out=[39])
    assert manifest.protocol == "sysu-setting2-split00-holdout-39"
    for protocol, subject in (("sysu-xsub-fixed", 21), ("sysu-setting2-split00", 40)):
        with pytest.raises(UserError, match=f"subject {subject} is not a training subject of {protocol}"):
            sysu.build(whole, protocol, hold_out=[subject])
    with pytest.raises(
        UserError, match="sysu-setting1-split00 validates on two clips of each class and not on subjects"
    ):
        sysu.build(whole, "sysu-setting1-split00", hold_out=[1])


def test_errors(tmp_path: Path) -> None:
    for protocol in ("sysu", "sysu-setting1-split30", "sysu-setting2-split1"):
        with pytest.raises(
            UserError, match=f"no protocol '{protocol}'; known: sysu-xsub-fixed, sysu-setting1-split00 to"
        ):
            sysu.build(tmp_path, protocol)
    with pytest.raises(UserError, match="does not exist"):
        sysu.build(tmp_path / "nowhere", "sysu-xsub-fixed")
    with pytest.raises(UserError, match="0 folders of actors"):
        sysu.build(tmp_path, "sysu-xsub-fixed")
    make_actors(tmp_path, ACTORS, rgb=False, skeleton=False)
    with pytest.raises(UserError, match="none of the 480 clips wanted"):
        sysu.build(tmp_path, "sysu-xsub-fixed")


def test_the_real_names_are_numbered_as_the_public_lists_number_them(early_data: Path, tmp_path: Path) -> None:
    lists = early_data / "sysu"
    actors = lists.joinpath("subjectname.txt").read_text().split()
    labels = [int(word) for word in lists.joinpath("label.txt").read_text().split()]
    subjects = [int(word) for word in lists.joinpath("subjectid.txt").read_text().split()]
    classes = tuple(lists.joinpath("sysu_action_classes.txt").read_text().splitlines())
    clips = built(make_actors(tmp_path, actors), "sysu-xsub-fixed")
    assert classes == sysu.CLASSES
    assert clips["subject"].tolist() == subjects
    assert (clips["label"] + 1).tolist() == labels
    assert clips["path"].tolist() == [f"{actors[s - 1]}/video{k}/rgb" for s, k in zip(subjects, labels, strict=True)]
    assert actors == sorted(actors, key=str.encode)
