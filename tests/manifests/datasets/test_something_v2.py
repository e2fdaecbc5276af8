"""Something-Something V2 from made-up lists in the form of the real ones: classes, splits, the 21 classes, refusals."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from common.errors import UserError
from manifests.datasets import something_v2
from manifests.datasets.something_v2 import CLASSES_21, SOMETHING_V2
from manifests.published import WHOLE, is_whole

NAMES = sorted([*CLASSES_21, *(f"Doing something in way {number:03d}" for number in range(153))])
TEMPLATES = [name.replace("something", "[something]") for name in NAMES]


@pytest.fixture
def lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Three training clips and one test clip of each class, with all files."""
    monkeypatch.setattr(something_v2, "COUNTS", {"train": 3 * 174, "test": 174})
    monkeypatch.setitem(WHOLE, "something-v2", (174, 3 * 174, 174))
    clips = [
        {"id": str(100 + number), "label": "doing it", "template": TEMPLATES[number % 174], "placeholders": ["it"]}
        for number in range(4 * 174)
    ]
    (tmp_path / "videos").mkdir()
    for clip in clips:
        (tmp_path / "videos" / f"{clip['id']}.webm").touch()
    (tmp_path / "videos" / "7.webm").touch()  # a clip without a label, as the official test clips
    labels = {name: str(number) for number, name in reversed(list(enumerate(NAMES)))}
    return {"labels": labels, "train": clips[174:], "validation": clips[:174]}


def write(folder: Path, lists: dict[str, Any], name: Callable[[str], str] = "{}.json".format) -> Path:
    (folder / "labels").mkdir(exist_ok=True)
    for one, content in lists.items():
        (folder / "labels" / name(one)).write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize("name", ["{}.json", "something-something-v2-{}.json"])
def test_all_of_it(name: str, lists: dict[str, Any], tmp_path: Path) -> None:
    manifest, sentences = SOMETHING_V2.build(write(tmp_path, lists, name.format))
    clips = manifest.clips
    assert sentences == [] and manifest.protocol == "something-v2" and is_whole(manifest)
    assert manifest.classes == tuple(NAMES)
    assert clips["split"].value_counts().to_dict() == {"train": 470, "test": 174, "validation": 52}
    row = clips[clips["clip_id"] == "100"].iloc[0].to_dict()
    assert row == {
        "clip_id": "100", "path": "videos/100.webm", "label": 0, "class_name": NAMES[0], "group": "", "split": "test",
        "protocol": "something-v2", "path_video": "videos/100.webm",
    }  # fmt: skip
    no_validation, _ = SOMETHING_V2.build(tmp_path, hold_out=[])
    assert set(no_validation.clips["split"]) == {"train", "test"}
    (tmp_path / "videos" / "100.webm").unlink()
    subset, sentences = SOMETHING_V2.build(tmp_path)
    assert subset.protocol == "something-v2-subset" and not is_whole(subset)
    assert sentences == [f"1 of the 696 clips are not in {tmp_path}; the first: 100"]


def test_21_classes_have_the_same_validation_clips(lists: dict[str, Any], tmp_path: Path) -> None:
    whole, _ = SOMETHING_V2.build(write(tmp_path, lists))
    manifest, sentences = SOMETHING_V2.build(tmp_path, "something-v2-21")
    assert sentences == [] and manifest.protocol == "something-v2-21" and len(manifest.clips) == 4 * 21
    assert manifest.classes == tuple(sorted(CLASSES_21)) and set(manifest.clips["label"]) == set(range(21))
    held = set(whole.split("validation")["clip_id"])
    assert set(manifest.split("validation")["clip_id"]) == held & set(manifest.clips["clip_id"])
    assert not is_whole(manifest), "how many clips there are was not found in any source"


def test_what_is_refused(lists: dict[str, Any], tmp_path: Path) -> None:
    def refused(change: dict[str, Any], sentence: str) -> None:
        write(tmp_path, lists | change)
        with pytest.raises(UserError, match=sentence):
            SOMETHING_V2.build(tmp_path)

    with pytest.raises(UserError, match=r"no protocol 'v2'; known: something-v2, something-v2-21"):
        SOMETHING_V2.build(tmp_path, "v2")
    with pytest.raises(UserError, match=r"something-something-v2-labels\.json or labels\.json is not in .*; put the"):
        SOMETHING_V2.build(tmp_path)
    first = lists["train"][0]
    refused({"labels": NAMES}, "does not number 174 classes from 0")
    refused({"labels": lists["labels"] | {NAMES[0]: "174"}}, "does not number 174 classes from 0")
    refused({"train": lists["train"][1:]}, r"the lists in .* have 521 train and 174 test clips, and not 522 train and")
    refused({"train": [first, first, *lists["train"][2:]]}, "with a clip twice")
    refused({"train": [{"id": "a"}]}, "which has no id; get the list again")
    refused(
        {"train": [first | {"template": "Doing [it]"}]}, "gives clip 274 the template 'Doing it', which is no class"
    )
    refused({"train": 5}, r"train\.json has no list of clips")
    write(tmp_path, lists)
    (tmp_path / "labels" / "train.json").write_text("[")
    with pytest.raises(UserError, match=r"train\.json cannot be read as JSON: .*; get it again"):
        SOMETHING_V2.build(tmp_path)
    (tmp_path / "train.json").write_text("[]")
    with pytest.raises(UserError, match="two lists of one name in"):
        SOMETHING_V2.build(tmp_path)
    (tmp_path / "train.json").unlink()
    write(tmp_path, lists)
    with pytest.raises(UserError, match="something-v2 holds out sources"):
        SOMETHING_V2.build(tmp_path, hold_out=[1])
