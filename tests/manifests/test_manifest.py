"""Every rule of the manifest's schema, broken once, must name the row and the column."""

from pathlib import Path

import h5py
import pandas as pd
import pytest

from common.errors import UserError
from manifests.manifest import Manifest, classes_path, path_columns, read_clip_list, read_manifest, write_manifest

CLASSES = ("wave", "drink")


def clips(**columns: list[object]) -> pd.DataFrame:
    table = {
        "clip_id": ["a", "b", "c"],
        "path": ["a.avi", "sub/b.avi", "c.avi"],
        "label": [0, 1, 0],
        "class_name": ["wave", "drink", "wave"],
        "group": [1, 2, 3],
        "split": ["train", "validation", "test"],
        "protocol": ["mine"] * 3,
    }
    return pd.DataFrame({**table, **columns})


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    write_manifest(Manifest(clips(num_frames=[10, 20, 30]), CLASSES), path)
    manifest = read_manifest(path)
    assert manifest.classes == CLASSES
    assert manifest.protocol == "mine"
    assert manifest.clips["label"].tolist() == [0, 1, 0]
    assert manifest.clips["num_frames"].sum() == 60
    assert manifest.split("test")["clip_id"].tolist() == ["c"]


def test_ids_stay_text(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    write_manifest(Manifest(clips(clip_id=["007", "NA", "1e3"]), CLASSES), path)
    assert read_manifest(path).clips["clip_id"].tolist() == ["007", "NA", "1e3"]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"clip_id": ["a", "b", "a"]}, r"row 4, column clip_id: 'a' is already in row 2"),
        ({"clip_id": ["a", "", "c"]}, r"row 3, column clip_id: empty"),
        ({"clip_id": ["a", "b\nb", "c"]}, r"row 3, column clip_id: 'b\\nb' has a control character"),
        ({"num_frames": [9, "many", 9]}, r"row 3, column num_frames: 'many' is not a number of frames"),
        ({"num_frames": [9, 9, ""]}, r"row 4, column num_frames: ''"),
        ({"class_name": ["wave", "fly", "wave"]}, r"row 3, column class_name: 'fly'"),
        ({"label": [0, 0, 0]}, r"row 3, column label: '0' contradicts .* drink is 1"),
        ({"label": [0, "one", 0]}, r"row 3, column label: 'one'"),
        ({"split": ["train", "val", "test"]}, r"row 3, column split: 'val' is none of train, validation, test"),
        ({"split": ["train", "train", "train"]}, r"column split: no clip of split 'test'"),
        ({"path": ["a.avi", "../b.avi", "c.avi"]}, r"row 3, column path: .*leads out"),
        ({"path": ["a.avi", "/etc/passwd", "c.avi"]}, r"row 3, column path: .*leads out"),
        ({"path": ["a.avi", "b.avi", ""]}, r"row 4, column path: empty"),
        (
            {"path": ["a.avi", "b.avi", "a.avi"]},
            r"row 4, column path: a.avi is a test clip here and a train clip in row 2",
        ),
        (
            {"path": ["s/a.avi", "b.avi", "./s//a.avi"]},
            r"row 4, column path: ./s//a.avi is a test clip here and a train clip in row 2",
        ),
        ({"protocol": ["x", "x", ""]}, r"row 4, column protocol: empty"),
        ({"protocol": ["x", "x", "y"]}, r"column protocol: more than one: x, y"),
    ],
)
def test_broken_rule_names_row_and_column(tmp_path: Path, columns: dict[str, list[object]], message: str) -> None:
    path = tmp_path / "m.csv"
    clips(**columns).to_csv(path, index=False)
    classes_path(path).write_text("wave\ndrink\n")
    with pytest.raises(UserError, match=message):
        read_manifest(path)


@pytest.mark.parametrize("column", ["clip_id", "path", "label", "class_name", "group", "split", "protocol"])
def test_missing_column(tmp_path: Path, column: str) -> None:
    path = tmp_path / "m.csv"
    clips().drop(columns=column).to_csv(path, index=False)
    classes_path(path).write_text("wave\ndrink\n")
    with pytest.raises(UserError, match=f"column '{column}' is missing"):
        read_manifest(path)


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (["a.mat", "", "c.mat"], r"row 3, column path_skeleton: empty"),
        (["a.mat", "b.mat", "/c.mat"], r"row 4, column path_skeleton: .*leads out"),
        (["a.mat", "../b.mat", "c.mat"], r"row 3, column path_skeleton: .*leads out"),
        (["a.mat", "b.mat", "b.mat"], r"row 4, column path_skeleton: b.mat is a test clip here and a validation clip"),
    ],
)
def test_every_column_of_paths_is_checked(tmp_path: Path, paths: list[object], message: str) -> None:
    path = tmp_path / "m.csv"
    clips(path_skeleton=paths, path=["a.mat", "b.mat", "c.mat"]).to_csv(path, index=False)
    classes_path(path).write_text("wave\ndrink\n")
    with pytest.raises(UserError, match=message):
        read_manifest(path)


def test_columns_of_paths_are_named_so(tmp_path: Path) -> None:
    table = clips(
        path_skeleton=["a", "b", "c"], path_depth=["d", "e", "f"], pathology=["", "..", "/"], my_path=[""] * 3
    )
    assert path_columns(table) == ["path", "path_skeleton", "path_depth"]
    write_manifest(Manifest(table, CLASSES), tmp_path / "m.csv")
    assert path_columns(read_manifest(tmp_path / "m.csv").clips) == ["path", "path_skeleton", "path_depth"]


def test_missing_files_and_nonsense(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    with pytest.raises(UserError, match="is missing"):
        read_manifest(path)
    clips().to_csv(path, index=False)
    with pytest.raises(UserError, match=r"m\.classes\.txt is missing"):
        read_manifest(path)
    classes_path(path).write_text("wave\ndrink\n")
    path.write_bytes(b"")
    with pytest.raises(UserError, match=r"m\.csv is not a manifest but an empty file"):
        read_manifest(path)
    path.write_text(",".join(clips().columns) + "\n")
    with pytest.raises(UserError, match="no clips"):
        read_manifest(path)
    path.write_bytes(b"\xff\xfea\x00")
    with pytest.raises(UserError, match="but a text in UTF-16, .*give a CSV in UTF-8"):
        read_manifest(path)
    path.write_bytes("clip_id;Übung".encode("latin-1"))
    with pytest.raises(UserError, match="is not in UTF-8 .*; save it in UTF-8"):
        read_manifest(path)


@pytest.mark.parametrize(("sign", "name"), [(";", "semicolons"), ("\t", "tabs"), ("|", "bars")])
@pytest.mark.parametrize("cell", ["", "one,two,three"])
def test_another_separator_is_named(tmp_path: Path, sign: str, name: str, cell: str) -> None:
    path = tmp_path / "m.csv"
    clips().assign(note=cell).to_csv(path, index=False, sep=sign)
    with pytest.raises(UserError, match=f"its columns are separated by {name}; a manifest has commas"):
        read_manifest(path)


def test_another_kind_of_file_is_named(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "cache.h5", "w"):
        pass
    (tmp_path / "video.avi").write_bytes(b"RIFF\0\0\0\0AVI ")
    (tmp_path / "recipe.toml").write_text("name = 'x'\n")
    for file, kind in (("cache.h5", "an HDF5 file"), ("video.avi", "a binary file"), ("recipe.toml", "a TOML file")):
        with pytest.raises(UserError, match=f"{file} is not a manifest but {kind}"):
            read_manifest(tmp_path / file)
    with pytest.raises(UserError, match="is not a manifest but a folder"):
        read_manifest(tmp_path)


def test_files_as_spreadsheets_write_them(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_bytes(b"\xef\xbb\xbf" + clips().to_csv(index=False, lineterminator="\r\n").encode())
    classes_path(path).write_bytes(b"\xef\xbb\xbfwave\r\ndrink\r\n")
    assert read_manifest(path).classes == CLASSES


def test_rows_with_a_cell_too_many(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    header, *rows = clips().to_csv(index=False).splitlines()
    path.write_text("\n".join([header, *(f"{row},more" for row in rows)]))
    classes_path(path).write_text("wave\ndrink\n")
    with pytest.raises(UserError, match="rows have more cells than the header"):
        read_manifest(path)


def test_empty_split_says_what_to_do() -> None:
    manifest = Manifest(clips(split=["train", "train", "test"]), CLASSES)
    with pytest.raises(UserError, match="'validation'.*--hold-out"):
        manifest.split("validation")


def test_fingerprint_is_of_what_extraction_sees() -> None:
    one = Manifest(clips(), CLASSES)
    relabelled = Manifest(clips(split=["test", "validation", "train"]), CLASSES)
    moved = Manifest(clips(path=["a.avi", "b.avi", "c.avi"]), CLASSES)
    assert one.sha256 == relabelled.sha256 != moved.sha256


def test_each_column_of_paths_has_its_fingerprint() -> None:
    one = Manifest(clips(path_skeleton=["a.mat", "b.mat", "c.mat"]), CLASSES)
    assert one.sha256 == one.fingerprint() == one.fingerprint("path") == Manifest(clips(), CLASSES).sha256
    # Caches made with earlier versions keep fitting.
    assert one.sha256 == "f11018427e972d877000a74051ae57d12bb6abd64d5c821197a7bfdd55341c30"
    assert one.fingerprint("path_skeleton") != one.sha256
    assert one.fingerprint("path_skeleton") == Manifest(clips(path=["a.mat", "b.mat", "c.mat"]), CLASSES).sha256
    for column in ("path_rgb", "clip_id"):
        with pytest.raises(UserError, match=f"no column '{column}' of paths in the manifest; there is path, path_skel"):
            one.fingerprint(column)


def test_a_clip_list_needs_no_labels_splits_or_class_order(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    for dropped in ([], ["label", "class_name", "group", "split", "protocol"]):
        clips(num_frames=[10, 20, 30], split=["test"] * 3).drop(columns=dropped).to_csv(path, index=False)
        listed = read_clip_list(path)
        assert list(listed.columns) == ["clip_id", "path", "num_frames"]
        assert listed["clip_id"].tolist() == ["a", "b", "c"] and listed["num_frames"].sum() == 60
    path.write_text("path\n007.avi\nNA\n")
    listed = read_clip_list(path)
    assert list(listed.columns) == ["path"] and listed["path"].tolist() == ["007.avi", "NA"]


def test_a_clip_list_of_another_column(tmp_path: Path) -> None:
    clips(path_depth=["x", "y", "z"], path=["", "..", "/"], num_frames=["", "", ""]).to_csv(tmp_path / "m.csv")
    listed = read_clip_list(tmp_path / "m.csv", "path_depth")
    assert list(listed.columns) == ["clip_id", "path"] and listed["path"].tolist() == ["x", "y", "z"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("clip_id,path\na,a.avi\na,b.avi\n", "row 3, column clip_id: 'a' is already in row 2"),
        ("clip_id,path\na,a.avi\n,b.avi\n", "row 3, column clip_id: empty"),
        ("clip_id,path\na,../a.avi\n", "row 2, column path: .*leads out"),
        ("clip_id,path\na,\n", "row 2, column path: empty"),
        ("path,num_frames\na.avi,many\n", "row 2, column num_frames: 'many' is not"),
        ("clip_id,file\na,a.avi\n", "no column 'path' of paths in the manifest .*; its columns are clip_id, file"),
        ("path_b\na.avi\n", "no column 'path' of paths in the manifest .*; there is path_b"),
        ("clip_id,path\n", "no clips in it"),
        ("", "is not a manifest but an empty file"),
    ],
)
def test_broken_rule_of_a_clip_list(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(UserError, match=message):
        read_clip_list(tmp_path / "m.csv")


def test_no_clip_list() -> None:
    with pytest.raises(UserError, match="nowhere.csv is missing"):
        read_clip_list(Path("nowhere.csv"))
