"""A CSV of clips becomes a manifest: `path,label` with splits and groups, and the lists of Kinetics."""

from pathlib import Path

import pandas as pd
import pytest

from common.errors import UserError
from manifests.importing.folder_import import import_clips
from tests.manifests.importing.conftest import write_clips

PATHS = [f"sub/{label}{number}.mp4" for label in ("walk", "run") for number in range(10)]


def write_list(folder: Path, rows: list[tuple[str, ...]], header: str = "path,label") -> Path:
    file = folder / "labels.csv"
    pd.DataFrame(rows, columns=header.split(",")).to_csv(file, index=False)
    return file


def label_of(path: str) -> str:
    return "walk" if "walk" in path else "run"


def test_path_and_label_relative_to_the_csv_or_to_videos(videos: Path, tmp_path: Path) -> None:
    write_clips(videos, PATHS)
    rows = [(path, label_of(path)) for path in PATHS]
    beside = import_clips(write_list(videos, rows), "mine")
    assert (beside.manifest.classes, beside.root) == (("run", "walk"), videos)
    elsewhere = import_clips(write_list(tmp_path, rows), "mine", videos=videos)
    assert elsewhere.manifest.clips.equals(beside.manifest.clips)
    absolute = import_clips(
        write_list(tmp_path, [(str(videos / path), label) for path, label in rows]), "m", videos=videos
    )
    assert absolute.manifest.clips["path"].tolist() == beside.manifest.clips["path"].tolist()


def test_splits_and_groups_of_the_list(videos: Path) -> None:
    write_clips(videos, PATHS)
    splits = ["train", "train", "train", "dev", "Testing"] * 4
    rows = [(path, label_of(path), split) for path, split in zip(PATHS, splits, strict=True)]
    imported = import_clips(write_list(videos, rows, "path,label,split"), "mine")
    assert imported.manifest.protocol == "mine-given"
    assert imported.counts["run"] == {"train": 6, "validation": 2, "test": 2}
    grouped = [(path, label_of(path), f"person {number % 5}") for number, path in enumerate(PATHS)]
    imported = import_clips(write_list(videos, grouped, "path,label,group"), "mine")
    assert imported.groups == "the column group"
    assert len(imported.manifest.clips.groupby(["group", "split"])) == 5


def test_a_list_of_kinetics(videos: Path) -> None:
    rows = []
    for number, split in enumerate(["train"] * 4 + ["validate"] * 2 + ["test"] * 2):
        for label in ("dancing", "playing guitar"):
            clip = f"{label[:2]}-_{number:08}"
            rows.append((label, clip, "10", "20", split))
            write_clips(videos, [f"{split}/{clip}_000010_000020.mkv"])
    file = write_list(videos.parent, [*rows, ("dancing", "gone_from_yt", "1", "11", "train")], ",".join(KINETICS))
    imported = import_clips(file, "k", videos=videos)
    assert imported.counts["dancing"] == {"train": 4, "validation": 2, "test": 2}
    assert imported.left_out == {"missing: listed, and no such file": ["gone_from_yt_000001_000011.mp4"]}
    assert imported.manifest.clips["path"][0] == "test/da-_00000006_000010_000020.mkv"
    assert imported.manifest.clips["group"][0] == "da-_00000006"


KINETICS = ("label", "youtube_id", "time_start", "time_end", "split")


def test_rows_that_are_no_clips_are_said(videos: Path) -> None:
    write_clips(videos, [*PATHS, "notes.txt", "new\nline.mp4"])
    (videos / "empty.mp4").touch()
    more = [("notes.txt", "run"), ("empty.mp4", "run"), ("gone.mp4", "run"), (PATHS[0], ""), ("new\nline.mp4", "run")]
    imported = import_clips(write_list(videos, [*((path, label_of(path)) for path in PATHS[1:]), *more]), "mine")
    assert imported.left_out == {
        "a name with a character that cannot be printed": ["'new\\nline.mp4'"],
        "empty": ["empty.mp4"],
        "missing: listed, and no such file": ["gone.mp4"],
        "not a video or skeleton file": ["notes.txt"],
        "without a label": [PATHS[0]],
    }


@pytest.mark.parametrize(
    ("header", "rows", "sentence"),
    [
        ("file,label", [("a.mp4", "x")], r"has the columns file, label; a list of clips has path and label"),
        ("path,label", [("../a.mp4", "x")], r"labels\.csv: the path \.\./a\.mp4 leads out of .*; --videos gives"),
        ("path,label", [("/etc/a.mp4", "x")], r"the path /etc/a\.mp4 leads out of"),
        ("path,label", [("gone.mp4", "x")], r"no clips of .*; 1 missing: .* gone\.mp4; --videos gives the folder"),
        ("path,label", [(PATHS[0], "x"), (PATHS[0], "y"), (PATHS[1], "y"), (PATHS[2], "x")], "more than once"),
        ("path,label", [(PATHS[0], "x\ny"), (PATHS[1], "z")], r"the class 'x\\ny' has a character"),
        ("path,label,split", [(PATHS[0], "x", "train"), (PATHS[1], "y", "")], "1 of 2 clips of .* have no split"),
        ("path,label,split", [(PATHS[0], "x", "trian")], "no split 'trian'; did you mean 'train'"),
        (
            "path,label,split",
            [(PATHS[0], "x", "test"), (PATHS[1], "y", "test")],
            "given splits are test, without training clips",
        ),
        (",".join(KINETICS), [("x", "id", "soon", "20", "train")], "time_start and time_end must be seconds"),
    ],
)
def test_lists_that_cannot_work_are_refused(
    videos: Path, header: str, rows: list[tuple[str, ...]], sentence: str
) -> None:
    write_clips(videos, PATHS)
    with pytest.raises(UserError, match=sentence):
        import_clips(write_list(videos, rows, header), "mine")
