"""NTU RGB+D 60's protocols: published counts, the missing skeletons, NTU 120 beside it, hold-outs, subsets."""

from pathlib import Path

import pytest

from common.errors import UserError
from manifests.datasets import ntu60, ntu_skeletons
from manifests.manifest import read_manifest, write_manifest
from manifests.published import is_whole

WHOLE = {"ntu60-xsub": (40091, 16487), "ntu60-xview": (37646, 18932)}


def name(setup: int, camera: int, subject: int, replication: int, action: int) -> str:
    return f"S{setup:03d}C{camera:03d}P{subject:03d}R{replication:03d}A{action:03d}"


def subjects_of_setups() -> list[tuple[int, int]]:
    """158 pairs with those of the missing skeletons, 112 of them by training subjects: as many as really are.

    Which of the other pairs really are, stands in no public list short enough; these are invented.
    """
    pairs = {(int(missing[1:4]), int(missing[9:12])) for missing in ntu60.MISSING}
    training = ntu60.TRAINING
    for setup in range(17, 0, -1):
        for subject in range(1, 41):
            wanted = 112 if subject in training else 46
            if sum((other in training) == (subject in training) for _, other in pairs) < wanted:
                pairs.add((setup, subject))
    return sorted(pairs)


def touch(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for one in names:
        (folder / f"{one}.skeleton").touch()
    return folder


@pytest.fixture
def whole(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What a folder of 56,880 skeletons holds, with two of NTU RGB+D 120 among them; too many to be really there."""
    names = [
        name(setup, camera, subject, replication, action)
        for setup, subject in subjects_of_setups()
        for camera in (1, 2, 3)
        for replication in (1, 2)
        for action in range(1, 61)
    ]
    names += [name(18, 1, 8, 1, 61), name(32, 3, 106, 2, 120)]
    found = {one: f"{one[:4]}/{one}.skeleton" for one in reversed(names)}
    monkeypatch.setattr(ntu_skeletons, "find_clips", lambda folder, pattern: found)
    return found


@pytest.mark.parametrize("protocol", WHOLE)
def test_published_counts_and_the_rule_of_the_split(whole: dict[str, str], protocol: str) -> None:
    assert len(whole) == 56_880 + 2
    manifest, sentences = ntu60.SET.build(Path("ntu"), protocol)
    clips = manifest.clips
    assert manifest.protocol == protocol
    assert ((clips["split"] != "test").sum(), (clips["split"] == "test").sum()) == WHOLE[protocol]
    assert sentences == [
        "2 files are not of NTU RGB+D 60 (of 120, perhaps) and were left out",
        "302 of the 302 recordings whose skeletons are missing or incomplete were left out",
    ]
    assert not set(clips["clip_id"]) & ntu60.MISSING
    test = clips["split"] == "test"
    if protocol == "ntu60-xview":
        assert (test == (clips["camera"] == 1)).all()
    else:
        assert not set(clips.loc[test, "subject"]) & set(clips.loc[~test, "subject"])
        assert clips["subject"].nunique() == 40 and clips.loc[~test, "subject"].nunique() == 20
    assert set(clips.loc[clips["split"] == "validation", "subject"]) == {27, 28}
    assert not {27, 28} & set(clips.loc[clips["split"] == "train", "subject"])
    assert is_whole(manifest)


@pytest.mark.parametrize("clip", ["S017C003P020R002A059", "S017C002P017R001A001"])  # of test, of training
def test_one_clip_less_is_a_subset_that_names_it(whole: dict[str, str], clip: str) -> None:
    del whole[clip]
    manifest, sentences = ntu60.SET.build(Path("ntu"), "ntu60-xsub")
    assert manifest.protocol == "ntu60-xsub-subset"
    assert sentences[-1] == f"1 of the 56578 clips are not in ntu; the first: {clip}"


def test_more_clips_than_there_are_is_no_subset(whole: dict[str, str]) -> None:
    there = set(subjects_of_setups())
    setup, subject = next((s, p) for s in range(1, 18) for p in range(1, 41) if (s, p) not in there)
    whole[name(setup, 1, subject, 1, 1)] = "one-more.skeleton"
    with pytest.raises(UserError, match=r"named like clips of NTU RGB\+D 60 and are none"):
        ntu60.SET.build(Path("ntu"), "ntu60-xsub")


def test_what_a_name_says(tmp_path: Path) -> None:
    one, other = name(5, 2, 4, 1, 60), name(3, 1, 40, 2, 7)
    touch(tmp_path / "deep" / "er", one, other)
    manifest, _ = ntu60.SET.build(tmp_path, "ntu60-xsub")
    first, last = (dict(row) for _, row in manifest.clips.iterrows())
    assert first == {
        "clip_id": other, "path": f"deep/er/{other}.skeleton", "label": 6, "class_name": "throw", "group": "P040",
        "split": "test", "protocol": "ntu60-xsub-subset", "subject": 40, "camera": 1, "setup": 3, "replication": 2,
    }  # fmt: skip
    assert (last["label"], last["class_name"], last["split"]) == (59, "walking apart from each other", "train")
    write_manifest(manifest, tmp_path / "m.csv")
    assert read_manifest(tmp_path / "m.csv").clips["clip_id"].tolist() == [other, one]


def test_what_is_not_of_the_60_is_left_out_and_counted(tmp_path: Path) -> None:
    missing = sorted(ntu60.MISSING)[0]
    good = [name(1, 1, 1, 1, 1), name(1, 1, 3, 1, 1)]
    foreign = [
        name(18, 1, 1, 1, 1),
        name(1, 4, 1, 1, 1),
        name(1, 1, 41, 1, 1),
        name(1, 1, 1, 3, 1),
        name(1, 1, 1, 1, 61),
    ]
    zeros = [name(0, 1, 1, 1, 1), name(1, 1, 1, 1, 0)]
    touch(tmp_path, missing, *good, *foreign, *zeros, "S1C1P1R1A1", f"x{good[0]}", f"{good[0]}_old")
    (tmp_path / f"{good[0]}.txt").touch()
    (tmp_path / f"{name(1, 1, 1, 1, 2)}.skeleton.part").touch()
    manifest, sentences = ntu60.SET.build(tmp_path, "ntu60-xsub")
    assert manifest.clips["clip_id"].tolist() == good
    assert sentences[0].startswith("7 files are not of NTU RGB+D 60")
    assert sentences[1].startswith("1 of the 302 ")
    assert sentences[2].startswith("56576 of the 56578 clips are not in ")


def test_hold_out_by_hand_is_part_of_the_name(tmp_path: Path) -> None:
    touch(tmp_path, name(1, 2, 1, 1, 1), name(1, 2, 2, 1, 1), name(1, 1, 2, 1, 1), name(1, 2, 3, 1, 1))
    manifest, _ = ntu60.SET.build(tmp_path, "ntu60-xsub", hold_out=[2])
    assert manifest.protocol == "ntu60-xsub-holdout-2-subset"
    assert manifest.clips["split"].tolist() == ["validation", "train", "validation", "test"]
    # Cross-view trains on every subject, and camera 1 stays test.
    manifest, _ = ntu60.SET.build(tmp_path, "ntu60-xview", hold_out=[3, 2])
    assert manifest.protocol == "ntu60-xview-holdout-2-3-subset"
    assert manifest.clips["split"].tolist() == ["test", "train", "validation", "validation"]
    with pytest.raises(UserError, match="subject 3 is not a training subject of ntu60-xsub"):
        ntu60.SET.build(tmp_path, "ntu60-xsub", hold_out=[1, 3])
    with pytest.raises(UserError, match="subject 41 is not a training subject of ntu60-xview"):
        ntu60.SET.build(tmp_path, "ntu60-xview", hold_out=[41])


def test_errors(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no protocol 'ntu60'; known: ntu60-xsub, ntu60-xview"):
        ntu60.SET.build(tmp_path, "ntu60")
    with pytest.raises(UserError, match="does not exist"):
        ntu60.SET.build(tmp_path / "nowhere", "ntu60-xsub")
    with pytest.raises(UserError, match=r"no skeleton file of NTU RGB\+D 60"):
        ntu60.SET.build(touch(tmp_path, name(18, 1, 8, 1, 61)), "ntu60-xsub")
    touch(tmp_path / "a", name(1, 1, 1, 1, 1))
    with pytest.raises(UserError, match="no clip of split 'test'"):
        ntu60.SET.build(tmp_path, "ntu60-xsub")
    touch(tmp_path / "b", name(1, 1, 1, 1, 1))
    with pytest.raises(UserError, match="two files for one clip"):
        ntu60.SET.build(tmp_path, "ntu60-xsub")


def test_lists_of_the_authors() -> None:
    classes, missing = ntu60.CLASSES, ntu60.MISSING
    assert len(classes) == 60 == len(set(classes))
    assert (classes[0], classes[49], classes[59]) == (
        "drink water", "punching/slapping other person", "walking apart from each other"
    )  # fmt: skip
    assert len(missing) == 302
    # Counted with the missing ones, the protocols are 40,320/16,560 and 37,920/18,960.
    training = ntu60.TRAINING
    assert sum(int(one[9:12]) in training for one in missing) == 40320 - 40091
    assert sum(one[5:8] != "001" for one in missing) == 37920 - 37646
    # The default hold-out is at least five and four of the 112 pairs of setup and training subject.
    setups = {subject: {one[:4] for one in missing if int(one[9:12]) == subject} for subject in ntu60.HOLD_OUT}
    assert {subject: len(names) for subject, names in setups.items()} == {27: 5, 28: 4}


def test_real_files(early_data: Path) -> None:
    manifest, sentences = ntu60.SET.build(early_data / "ntu60", "ntu60-xsub")
    assert dict(zip(manifest.clips["clip_id"], manifest.clips["split"], strict=True)) == {
        "S001C001P001R001A001": "train",
        "S001C001P001R001A011": "train",
        "S001C001P001R001A050": "train",
        "S002C001P003R001A003": "test",
    }
    assert manifest.protocol == "ntu60-xsub-subset"
    assert len(sentences) == 1
