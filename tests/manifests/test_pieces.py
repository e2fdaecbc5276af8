"""Pieces in a manifest: seconds to milliseconds, what is refused, fingerprints, splits, and the import of a CSV."""

import hashlib
from pathlib import Path

import pandas as pd
import pytest

from common.errors import UserError
from manifests.audit import listed_twice, remarks
from manifests.importing.folder_import import import_clips
from manifests.manifest import Manifest, read_manifest, write_manifest
from manifests.pieces import WHOLE, Piece, overlap, read_pieces


def table(*times: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(times, columns=["start", "end"])


def manifest(rows: list[tuple[str, str, str, str, str]]) -> Manifest:
    clips = pd.DataFrame(rows, columns=["clip_id", "path", "split", "start", "end"])
    return Manifest(clips.assign(label=0, class_name="run", group="", protocol="p"), ("run",))


def test_seconds_become_milliseconds() -> None:
    cells = table(("", ""), ("0", ""), ("1.5", "3.25"), ("0.0665", "0.0675"), (" 12 ", "12.001"))
    assert read_pieces(cells, "m.csv") == [WHOLE, WHOLE, Piece(1500, 3250), Piece(67, 68), Piece(12000, 12001)]
    assert read_pieces(pd.DataFrame({"path": ["a", "b"]}), "m.csv") == [WHOLE, WHOLE]
    assert read_pieces(pd.DataFrame({"start": ["2"]}), "m.csv") == [Piece(2000, 0)]
    assert [str(piece) for piece in (Piece(1500, 3250), Piece(2000, 0))] == ["1.500-3.250", "2.000-"]


@pytest.mark.parametrize(
    ("start", "end", "sentence"),
    [
        ("1", "1", "row 2: the piece ends at 1 s, which is not after its start at 1 s; leave the end empty"),
        ("", "0", "row 2: the piece ends at 0 s, which is not after its start at 0 s"),
        ("3", "2.5", "the piece ends at 2.5 s"),
        ("-1", "2", "row 2, column start: '-1' is not a number of seconds, as 12.5; of 1:30 write 90"),
        ("1:30", "", "column start: '1:30'"),
        ("0", "nan", "column end: 'nan'"),
        ("0", "1e3", "column end: '1e3'"),
        ("0", "inf", "column end: 'inf'"),
    ],
)
def test_wrong_times_are_refused(start: str, end: str, sentence: str) -> None:
    with pytest.raises(UserError) as refused:
        read_pieces(table((start, end)), "m.csv")
    assert sentence in str(refused.value)


def test_pieces_that_touch_do_not_overlap() -> None:
    assert not overlap(Piece(0, 1000), Piece(1000, 2000))
    assert overlap(Piece(0, 1001), Piece(1000, 2000))
    assert overlap(Piece(5000, 0), Piece(9000, 9001)) and not overlap(Piece(5000, 0), Piece(0, 5000))
    assert overlap(WHOLE, Piece(1, 2))


def test_a_file_may_be_in_two_splits_in_pieces_without_common_time(tmp_path: Path) -> None:
    rows = [("a", "x.mp4", "train", "0", "10"), ("b", "x.mp4", "train", "5", "12"), ("c", "x.mp4", "test", "12", "")]
    write_manifest(manifest(rows), tmp_path / "m.csv")
    assert read_manifest(tmp_path / "m.csv").pieces == [Piece(0, 10000), Piece(5000, 12000), Piece(12000, 0)]
    rows[2] = ("c", "./x.mp4", "test", "11.5", "")
    with pytest.raises(
        UserError, match=r"row 4, column path: \./x\.mp4, seconds 11\.500- and 5\.000-12\.000, is a test"
    ):
        write_manifest(manifest(rows), tmp_path / "m.csv")


def test_the_fingerprint_has_the_pieces_and_is_the_old_one_without() -> None:
    whole = manifest([("a", "x.mp4", "train", "", ""), ("b", "y.mp4", "test", "0", "")])
    assert whole.sha256 == hashlib.sha256(b"a\tx.mp4\nb\ty.mp4").hexdigest()
    pieces = manifest([("a", "x.mp4", "train", "", ""), ("b", "y.mp4", "test", "1.50", "2")])
    assert pieces.sha256 == hashlib.sha256(b"a\tx.mp4\nb\ty.mp4\t1.500-2.000").hexdigest()


def test_one_piece_twice_is_one_file_twice() -> None:
    rows = [
        ("a", "x.mp4", "train", "0", "1"),
        ("b", "x.mp4", "train", "0.0", "1.000"),
        ("c", "x.mp4", "train", "0", "2"),
    ]
    assert listed_twice(manifest(rows).clips, "path", None) == ["x.mp4 (a and b)"]


def test_a_csv_of_pieces_is_imported(tmp_path: Path) -> None:
    """Pieces of one file stay in one split, and each has an id of its own."""
    lines = ["path,label,start,end"]
    for number in range(12):
        (tmp_path / f"day{number}.mp4").write_bytes(b"x")
        lines += [
            f"day{number}.mp4,{label},{start},{start + 2.5}" for start, label in enumerate(("run", "walk", "run"))
        ]
    (tmp_path / "list.csv").write_text("\n".join(lines))
    imported = import_clips(tmp_path / "list.csv", "mine")
    clips = imported.manifest.clips
    assert len(clips) == 36 == clips["clip_id"].nunique()
    row = clips[clips["clip_id"] == "day3@2.000-4.500"].iloc[0]
    assert (row["path"], row["group"], row["class_name"], row["start"], row["end"]) == (
        "day3.mp4", "day3.mp4", "run", "2", "4.5"
    )  # fmt: skip
    assert clips.groupby("path")["split"].nunique().max() == 1
    assert imported.manifest.protocol == "mine-by-groups-validation15-test25-seed0"
    (tmp_path / "list.csv").write_text("path,label,start,end\nday1.mp4,run,3,2\n")
    with pytest.raises(UserError, match=r"list\.csv, row 2: the piece ends at 2 s"):
        import_clips(tmp_path / "list.csv", "mine")


def test_groups_that_the_names_tell_are_larger_than_files(tmp_path: Path) -> None:
    lines = ["path,label,start,end"]
    for person in range(6):
        for day in range(2):
            (tmp_path / f"person{person}_day{day}.mp4").write_bytes(b"x")
            lines += [f"person{person}_day{day}.mp4,{label},{start},{start + 1}" for start, label in enumerate("ab")]
    (tmp_path / "list.csv").write_text("\n".join(lines))
    imported = import_clips(tmp_path / "list.csv", "mine")
    assert imported.groups == "subjects, as subject3"
    assert imported.manifest.clips.groupby("group")["split"].nunique().tolist() == [1] * 6


def test_groups_of_one_class_never_divide_a_file(tmp_path: Path) -> None:
    """UCF101's groups are of a class each, and a file may have pieces of several classes."""
    lines = ["path,label,start,end"]
    for number in range(20):
        (tmp_path / f"v_A_g{number:02}_c01.avi").write_bytes(b"x")
        for start, label in enumerate("abc"):
            if number == 0 or (number + start) % 3:  # not all classes have the same files
                lines.append(f"v_A_g{number:02}_c01.avi,{label},{start},{start + 1}")
    (tmp_path / "list.csv").write_text("\n".join(lines))
    clips = import_clips(tmp_path / "list.csv", "mine").manifest.clips
    assert clips.groupby("path")["split"].nunique().max() == 1
    assert clips.groupby("path")["group"].nunique().max() == 1
    assert clips["group"].nunique() == 20


def test_a_file_in_two_splits_is_a_remark() -> None:
    rows = [("a", "x.mp4", "train", "0", "1"), ("b", "x.mp4", "test", "1", "2"), ("c", "y.mp4", "test", "0", "1")]
    (sentence,) = remarks(manifest(rows).clips.assign(group=["g", "h", ""]), None)
    assert sentence.startswith("1 of 2 files of pieces is in more than one split, so clips of one person")
    assert sentence.endswith("x.mp4 (1 train, 1 test)")
