"""Penn Action from made-up label files in the form of the real ones, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from common.errors import UserError
from manifests.datasets import penn_action
from manifests.datasets.penn_action import CLASSES, PENN_ACTION
from manifests.published import is_whole


def write(folder: Path, number: int, action: str, train: int) -> None:
    """Write the label file and the frames of a sequence, as they are in the archive."""
    (folder / "labels").mkdir(exist_ok=True)
    content = {
        "action": action, "pose": "back", "x": np.zeros((46, 13)), "y": np.zeros((46, 13)),
        "visibility": np.ones((46, 13)), "train": train, "bbox": np.zeros((46, 4)), "dimensions": [272, 481, 46],
        "nframes": 46,
    }  # fmt: skip
    savemat(folder / "labels" / f"{number:04d}.mat", content)
    (folder / "frames" / f"{number:04d}").mkdir(parents=True)
    (folder / "frames" / f"{number:04d}" / "000001.jpg").touch()


@pytest.fixture
def penn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ten training sequences and two test sequences of each class."""
    monkeypatch.setattr(penn_action, "SEQUENCES", 180)
    for number in range(180):
        write(tmp_path, number + 1, CLASSES[number // 12], 1 if number % 12 < 10 else -1)
    return tmp_path


def test_all_of_it(penn: Path) -> None:
    manifest, sentences = PENN_ACTION.build(penn)
    clips = manifest.clips
    assert sentences == [] and manifest.protocol == "penn-action" and manifest.classes == CLASSES
    assert clips["split"].value_counts().to_dict() == {"train": 133, "test": 30, "validation": 17}
    assert set(clips.loc[clips["split"] == "validation", "label"]) == set(range(15))
    assert clips.iloc[179].to_dict() == {
        "clip_id": "0180", "path": "frames/0180", "label": 14, "class_name": "tennis_serve", "group": "",
        "split": "test", "protocol": "penn-action", "path_frames": "frames/0180",
    }  # fmt: skip
    assert not is_whole(manifest), "the published numbers of training and test clips were not found"
    (penn / "frames" / "0003" / "000001.jpg").unlink()
    subset, sentences = PENN_ACTION.build(penn, hold_out=[])
    assert subset.protocol == "penn-action-subset" and "validation" not in set(subset.clips["split"])
    assert sentences == [f"1 of the 180 clips are not in {penn}; the first: 0003"]


def test_what_is_refused(penn: Path) -> None:
    with pytest.raises(UserError, match=r"no protocol 'penn'; known: penn-action"):
        PENN_ACTION.build(penn, "penn")
    with pytest.raises(UserError, match="penn-action holds out sources"):
        PENN_ACTION.build(penn, hold_out=[1])
    label = penn / "labels" / "0007.mat"
    whole = label.read_bytes()
    for content, sentence in (
        (b"", r"0007\.mat cannot be read: damaged: .*; get it again"),
        (whole[: len(whole) // 2], r"0007\.mat cannot be read: .*; get it again"),
    ):
        label.write_bytes(content)
        with pytest.raises(UserError, match=sentence):
            PENN_ACTION.build(penn)
    for change, sentence in (
        ({"action": "bowl"}, r"0007\.mat cannot be read: there is no variable train in it"),
        ({"action": "bowl", "train": [1, 1]}, "its variable train has 2 values and not one"),
        (
            {"action": "bowling", "train": 1},
            r"0007\.mat has the action 'bowling' and train 1; it is not of Penn Action",
        ),
        ({"action": "bowl", "train": 0}, "has the action 'bowl' and train 0"),
    ):
        savemat(label, change)
        with pytest.raises(UserError, match=sentence):
            PENN_ACTION.build(penn)
    label.unlink()
    with pytest.raises(UserError, match=r"has 179 label files \(0001\.mat, …\) and not 180; unpack the archive there"):
        PENN_ACTION.build(penn)
    (penn / "again" / "0001").mkdir(parents=True)
    (penn / "again" / "0001.mat").touch()
    with pytest.raises(UserError, match="two of one name in"):
        PENN_ACTION.build(penn)
