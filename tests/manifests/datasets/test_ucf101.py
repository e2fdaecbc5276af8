"""UCF101's protocols: counts, the official lists, both spellings, subsets that never renumber by themselves."""

from pathlib import Path

import pytest

from common.errors import UserError
from manifests.datasets import ucf101


@pytest.mark.parametrize(
    ("protocol", "counts"),
    [
        ("ucf101-early-15-3-7", (8056, 1582, 3682)),
        ("ucf101-split1", (9537, 0, 3783)),
        ("ucf101-split2", (9586, 0, 3734)),
        ("ucf101-split3", (9624, 0, 3696)),
    ],
)
def test_counts(protocol: str, counts: tuple[int, int, int]) -> None:
    clips = ucf101.complete(protocol).clips
    assert tuple((clips["split"] == name).sum() for name in ("train", "validation", "test")) == counts
    assert len(clips) == clips["clip_id"].nunique() == 13_320


def test_class_order_and_frames() -> None:
    manifest = ucf101.complete("ucf101-early-15-3-7")
    assert len(manifest.classes) == 101
    assert (manifest.classes[0], manifest.classes[36], manifest.classes[100]) == (
        "ApplyEyeMakeup",
        "HandstandPushups",
        "YoYo",
    )
    clips = manifest.clips.set_index("clip_id")
    assert clips.loc["v_ApplyEyeMakeup_g01_c01", "num_frames"] == 164
    assert clips["num_frames"].max() == 1776
    assert clips.loc["v_HandStandPushups_g07_c01", "class_name"] == "HandstandPushups"
    assert clips.loc["v_HandStandPushups_g07_c01", "label"] == 36


def test_a_damaged_clip_list_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    rule = ucf101.PROTOCOLS["ucf101-split1"]
    wrong = ucf101.Protocol(rule.validation, rule.test, (9538, 0, 3782))
    monkeypatch.setitem(ucf101.PROTOCOLS, "ucf101-split1", wrong)
    with pytest.raises(UserError, match=r"gives \(9537, 0, 3783\) clips"):
        ucf101.complete("ucf101-split1")


@pytest.mark.parametrize("number", [1, 2, 3])
def test_official_lists(early_data: Path, number: int) -> None:
    clips = ucf101.complete(f"ucf101-split{number}").clips
    for split, name in (("train", "trainlist"), ("test", "testlist")):
        lines = (early_data / "ucf101_splits" / f"{name}0{number}.txt").read_text().split("\n")
        official = {line.split()[0] for line in lines if line.strip()}
        assert set(clips.loc[clips["split"] == split, "path"]) == official


def test_official_class_list(early_data: Path) -> None:
    lines = (early_data / "ucf101_splits" / "classInd.txt").read_text().split("\n")
    assert ucf101.class_order() == tuple(line.split()[1] for line in lines if line.strip())


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_subset_keeps_official_indices_and_says_so(tmp_path: Path) -> None:
    videos = touch(tmp_path, "YoYo/v_YoYo_g01_c01.avi", "YoYo/v_YoYo_g20_c01.avi", "Archery/v_Archery_g16_c02.avi")
    manifest, sentences = ucf101.build(videos, "ucf101-early-15-3-7")
    assert dict(zip(manifest.clips["clip_id"], manifest.clips["label"], strict=True)) == {
        "v_YoYo_g01_c01": 100,
        "v_YoYo_g20_c01": 100,
        "v_Archery_g16_c02": 2,
    }
    assert len(manifest.classes) == 101
    assert sentences == [
        f"13317 of the 13320 clips are not in {videos}; the first: v_ApplyEyeMakeup_g01_c01, v_ApplyEyeMakeup_g01_c02, "
        "v_ApplyEyeMakeup_g01_c03"
    ]
    assert manifest.protocol == "ucf101-early-15-3-7-subset"


def test_compact_renumbers_in_official_order_on_request(tmp_path: Path) -> None:
    videos = touch(tmp_path, "z/v_YoYo_g01_c01.avi", "a/v_YoYo_g20_c01.avi", "b/v_Archery_g16_c02.avi")
    manifest, _ = ucf101.build(videos, "ucf101-early-15-3-7", classes=["YoYo", "Archery"], compact=True)
    assert manifest.classes == ("Archery", "YoYo")
    assert set(zip(manifest.clips["class_name"], manifest.clips["label"], strict=True)) == {("Archery", 0), ("YoYo", 1)}


def test_both_spellings_of_handstand_pushups(tmp_path: Path) -> None:
    videos = touch(
        tmp_path, "HandstandPushups/v_HandstandPushups_g01_c01.avi", "HandstandPushups/v_HandStandPushups_g19_c01.avi"
    )
    manifest, _ = ucf101.build(videos, "ucf101-early-15-3-7")
    assert manifest.clips["path"].tolist() == [
        "HandstandPushups/v_HandstandPushups_g01_c01.avi",
        "HandstandPushups/v_HandStandPushups_g19_c01.avi",
    ]
    assert set(manifest.clips["label"]) == {36}


def test_two_files_for_one_clip(tmp_path: Path) -> None:
    videos = touch(tmp_path, "a/v_YoYo_g01_c01.avi", "b/v_YoYo_g01_c01.mp4")
    with pytest.raises(UserError, match="two files for one clip"):
        ucf101.build(videos, "ucf101-early-15-3-7")


def test_other_files_may_be_called_alike(tmp_path: Path) -> None:
    clips = [f"YoYo/v_YoYo_g{group:02d}_c01.avi" for group in (1, 16, 19)]
    others = ["holiday/1/movie.mp4", "holiday/2/movie.mp4", "a/v_YoYo_g99_c01.avi", "b/v_YoYo_g99_c01.avi"]
    manifest, _ = ucf101.build(touch(tmp_path, *clips, *others), "ucf101-early-15-3-7")
    assert manifest.clips["path"].tolist() == clips


def test_errors(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        ucf101.build(tmp_path / "nowhere", "ucf101-early-15-3-7")
    with pytest.raises(UserError, match="no protocol 'x'"):
        ucf101.complete("x")
    with pytest.raises(UserError, match="none of the 13320"):
        ucf101.build(tmp_path, "ucf101-early-15-3-7")
    with pytest.raises(UserError, match="class 'Yoyo'"):
        ucf101.build(tmp_path, "ucf101-early-15-3-7", classes=["Yoyo"])
    with pytest.raises(UserError, match="no clip of split 'test'"):
        ucf101.build(touch(tmp_path, "v_YoYo_g01_c01.avi"), "ucf101-early-15-3-7")


def test_hold_out_is_part_of_the_name() -> None:
    manifest = ucf101.complete("ucf101-split1", hold_out=[24, 25])
    assert manifest.protocol == "ucf101-split1-holdout-24-25"
    assert set(manifest.split("validation")["group"]) == {"24", "25"}
    assert len(manifest.split("test")) == 3783
    with pytest.raises(UserError, match="group 3 is not a training group"):
        ucf101.complete("ucf101-split1", hold_out=[3])
