"""Diving48 from made-up lists in the form of the real ones: classes, sources, hold-out, what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from common.errors import UserError
from manifests.datasets import diving48
from manifests.datasets.diving48 import DIVING48
from manifests.published import WHOLE, is_whole

VOCABULARY = [["Back", "15som", f"{number:02d}Twis", "FREE"] for number in range(48)]


@pytest.fixture
def lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Ten training videos and two test videos with a dive of each class."""
    monkeypatch.setattr(diving48, "COUNTS", {"train": 480, "test": 96})
    monkeypatch.setitem(WHOLE, "diving48-v2", (48, 480, 96))
    clips = [
        {"vid_name": f"-mq0_T-u8k{video:x}_{label:05d}", "label": label, "start_frame": 0, "end_frame": 70}
        for video in range(12)
        for label in range(48)
    ]
    (tmp_path / "rgb").mkdir()
    for clip in clips:
        (tmp_path / "rgb" / f"{clip['vid_name']}.mp4").touch()
    return {"vocab": VOCABULARY, "V2_train": clips[:480], "V2_test": clips[480:]}


def write(folder: Path, lists: dict[str, Any]) -> Path:
    for name, content in lists.items():
        (folder / f"Diving48_{name}.json").write_text(json.dumps(content))
    return folder


def test_all_of_it(lists: dict[str, Any], tmp_path: Path) -> None:
    manifest, sentences = DIVING48.build(write(tmp_path, lists))
    clips = manifest.clips
    assert sentences == [] and manifest.protocol == "diving48-v2" and is_whole(manifest)
    assert manifest.classes[:2] == ("Back 15som 00Twis FREE", "Back 15som 01Twis FREE")
    assert clips["split"].value_counts().to_dict() == {"train": 432, "test": 96, "validation": 48}
    assert clips.groupby("group")["split"].nunique().tolist() == [1] * 12, "dives of one competition stay together"
    assert clips.iloc[47][["clip_id", "path", "label", "class_name", "group"]].tolist() == [
        "-mq0_T-u8k0_00047", "rgb/-mq0_T-u8k0_00047.mp4", 47, "Back 15som 47Twis FREE", "-mq0_T-u8k0",
    ]  # fmt: skip
    (tmp_path / "rgb" / "-mq0_T-u8kb_00000.mp4").unlink()
    subset, sentences = DIVING48.build(tmp_path)
    assert subset.protocol == "diving48-v2-subset"
    assert sentences == [f"1 of the 576 clips are not in {tmp_path}; the first: -mq0_T-u8kb_00000"]


def test_what_is_refused(lists: dict[str, Any], tmp_path: Path) -> None:
    def refused(change: dict[str, Any], sentence: str) -> None:
        write(tmp_path, lists | change)
        with pytest.raises(UserError, match=sentence):
            DIVING48.build(tmp_path)

    with pytest.raises(UserError, match=r"no protocol 'diving48'; known: diving48-v2"):
        DIVING48.build(tmp_path, "diving48")
    with pytest.raises(UserError, match=r"Diving48_vocab\.json is not in .*; put the lists of the data set there"):
        DIVING48.build(tmp_path)
    first, rest = lists["V2_train"][0], lists["V2_train"][1:]
    refused({"vocab": VOCABULARY[1:]}, r"Diving48_vocab\.json in .* does not have 48 classes; get it again")
    refused({"vocab": [*VOCABULARY[1:], 5]}, "does not have 48 classes")
    refused({"V2_train": [first | {"label": 48}, *rest]}, r"V2_train\.json has .*, which is no clip with a label from")
    refused({"V2_train": ["a"]}, "has 'a', which is no clip")
    refused({"V2_test": rest}, "the lists in .* have 480 train and 479 test clips.*, and not 480 train and 96 test")
    refused({"V2_train": [first, *rest[1:], first]}, "with a clip twice")
    write(tmp_path, lists)
    with pytest.raises(UserError, match="diving48-v2 holds out sources"):
        DIVING48.build(tmp_path, hold_out=[1])
