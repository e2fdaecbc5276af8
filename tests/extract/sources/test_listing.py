"""Every kind of source gives the same table of clips; ambiguous names and paths that lead out are refused."""

import os
import shutil
import tarfile
from pathlib import Path

import fsspec
import numpy as np
import pandas as pd
import pytest

from common.errors import UserError
from extract.sources import clip_list
from extract.sources.listing import Listing, list_clips
from manifests.manifest import COLUMNS, Manifest, read_manifest, write_manifest

CLIPS = [f"c{index}" for index in range(8)]


def ids(listing: Listing) -> list[str]:
    return list(listing.clips["clip_id"])


def sizes(folder: Path) -> list[int]:
    return [path.stat().st_size for path in sorted(folder.glob("*.avi"))]


@pytest.fixture
def archives(drawn_footage: Path, tmp_path: Path) -> str:
    """The clips of `drawn_footage` in two archives, each beside a JSON file."""
    (tmp_path / "note.json").write_text("{}")
    for half in (0, 1):
        with tarfile.open(tmp_path / f"part-{half}.tar", "w") as tar:
            for clip in CLIPS[4 * half : 4 * half + 4]:
                tar.add(drawn_footage / "videos" / f"{clip}.avi", f"{clip}.avi")
                tar.add(tmp_path / "note.json", f"{clip}.json")
    return f"{tmp_path}/part-{{0..1}}.tar"


def test_a_manifest(drawn_footage: Path) -> None:
    listing = list_clips(str(drawn_footage / "clips.csv"), str(drawn_footage / "videos"))
    assert listing.videos == str(drawn_footage / "videos")
    assert listing.fingerprint == read_manifest(drawn_footage / "clips.csv").sha256
    assert list(listing.clips.columns) == ["clip_id", "path", "frames", "bytes", "archive", "offset", "start", "end"]
    assert ids(listing) == CLIPS and set(listing.clips["frames"]) == {0}
    assert listing.clips["bytes"].tolist() == sizes(drawn_footage / "videos"), "frames are not known"
    for column in ("frames", "bytes", "offset"):
        assert listing.clips[column].dtype == np.int64


def test_a_manifest_needs_no_labels_and_no_splits(drawn_footage: Path, tmp_path: Path) -> None:
    """The listing does not depend on other columns of the file."""
    videos, manifest = str(drawn_footage / "videos"), read_manifest(drawn_footage / "clips.csv")
    whole = list_clips(str(drawn_footage / "clips.csv"), videos)
    unlabelled = {"test only": manifest.clips.assign(split="test"), "two columns": manifest.clips[["clip_id", "path"]]}
    memory = fsspec.filesystem("memory")
    unlabelled["a path alone"] = manifest.clips[["path"]]
    for name, clips in unlabelled.items():
        clips.to_csv(tmp_path / f"{name}.csv", index=False)
        listing = list_clips(str(tmp_path / f"{name}.csv"), videos)
        assert listing.fingerprint == whole.fingerprint and listing.clips.equals(whole.clips), name
        memory.pipe("/lists/clips.csv", (tmp_path / f"{name}.csv").read_bytes())  # no class order beside it
        assert list_clips("memory://lists/clips.csv", videos).fingerprint == whole.fingerprint


def test_a_manifest_that_knows_its_frames(drawn_footage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clips = read_manifest(drawn_footage / "clips.csv").clips.assign(num_frames=range(10, 18))
    clips["path_other"] = clips["path"].to_numpy()[::-1]
    manifest = Manifest(clips, ("jump", "wave"))
    write_manifest(manifest, tmp_path / "clips.csv")
    videos = str(drawn_footage / "videos")

    other = list_clips(str(tmp_path / "clips.csv"), videos, "path_other")
    assert other.clips["path"].tolist() == [f"{clip}.avi" for clip in reversed(CLIPS)]
    assert other.fingerprint == manifest.fingerprint("path_other")
    assert set(other.clips["frames"]) == {0}, "num_frames counts the frames of another recording"
    assert other.clips["bytes"].tolist() == sizes(drawn_footage / "videos")[::-1]

    def asked(path: str) -> int:
        raise AssertionError("a network's file system would have to answer for every file")

    monkeypatch.setattr(clip_list, "file_size", asked)
    assert list_clips(str(tmp_path / "clips.csv"), videos).clips["frames"].tolist() == list(range(10, 18))
    with pytest.raises(UserError, match="no column 'path_depth'"):
        list_clips(str(tmp_path / "clips.csv"), videos, "path_depth")


def test_a_folder(drawn_footage: Path) -> None:
    folder = drawn_footage / "videos"
    for clips, videos in ((str(folder), None), (f"{folder}/", str(folder)), (f"file://{folder}", f"file://{folder}/")):
        listing = list_clips(clips, videos)
        assert listing.videos == str(folder)
        assert ids(listing) == CLIPS and listing.clips["bytes"].tolist() == sizes(folder)
    assert listing.fingerprint == read_manifest(drawn_footage / "clips.csv").sha256


def test_what_is_a_clip_in_a_folder(tmp_path: Path) -> None:
    clips = ["a/x.1.mp4", "a/y.MKV", "b/c/z.webm", "b/s.skeleton", "b/t.mat", "w.avi"]
    for name in (*clips, "notes.txt", "a/._x.1.mp4", ".trash/old.mp4", "b/labels.csv", "p/1.jpg", "noext"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    listing = list_clips(str(tmp_path), None)
    assert listing.clips["path"].tolist() == clips
    assert ids(listing) == ["a/x.1", "a/y", "b/c/z", "b/s", "b/t", "w"]
    inner = list_clips(str(tmp_path / "b"), str(tmp_path))
    assert inner.videos == str(tmp_path) and ids(inner) == ["b/c/z", "b/s", "b/t"]


def test_links_in_a_folder_are_followed_but_not_in_a_circle(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.mp4").touch()
    (tmp_path / "here" / "inner").mkdir(parents=True)
    (tmp_path / "here" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "here" / "again").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "here" / "inner" / "circle").symlink_to(tmp_path / "here")
    (tmp_path / "here" / "gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
    assert ids(list_clips(str(tmp_path / "here"), None)) == ["again/a", "gone", "linked/a"]


def test_a_list(footage: Path) -> None:
    (footage / "videos" / "pictures.v2").mkdir()
    (footage / "list.txt").write_text(
        f"\ufeff# the good ones\nc3.avi\n\n  ./c1.avi \r\n{footage}/videos/c0.avi\npictures.v2\nnowhere.avi\n"
    )
    for videos in (footage / "videos", f"{footage}/videos/"):
        listing = list_clips(str(footage / "list.txt"), str(videos))
        assert listing.videos == str(footage / "videos")
        assert ids(listing) == ["c3", "c1", "c0", "pictures.v2", "nowhere"]
        assert listing.clips["path"].tolist() == ["c3.avi", "c1.avi", "c0.avi", "pictures.v2", "nowhere.avi"]
        assert [size > 0 for size in listing.clips["bytes"]] == [True, True, True, False, False]


def test_a_list_relative_to_this_folder(footage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(footage)
    (footage / "list.txt").write_text(f"c3.avi\n{footage}/videos/c1.avi\n")
    assert list_clips("list.txt", "videos").clips["path"].tolist() == ["c3.avi", "c1.avi"]
    assert list_clips("videos", ".").clips["path"].tolist() == [f"videos/{clip}.avi" for clip in CLIPS]


@pytest.mark.parametrize("line", ["../clips.csv", "/etc/passwd", "a/../../b.avi"])
def test_a_list_that_leads_out(footage: Path, line: str) -> None:
    (footage / "list.txt").write_text(f"c0.avi\n{line}\n")
    with pytest.raises(UserError, match=r"list\.txt, line 2: .*(leads out of|is not inside) "):
        list_clips(str(footage / "list.txt"), str(footage / "videos"))


def test_archives(archives: str, drawn_footage: Path, tmp_path: Path) -> None:
    listing = list_clips(archives, None)
    assert listing.videos == str(tmp_path) and ids(listing) == CLIPS
    assert listing.fingerprint == read_manifest(drawn_footage / "clips.csv").sha256
    assert listing.clips["archive"].tolist() == ["part-0.tar"] * 4 + ["part-1.tar"] * 4
    assert listing.clips["bytes"].tolist() == sizes(drawn_footage / "videos")
    for clip in listing.clips.itertuples():
        content = (tmp_path / clip.archive).read_bytes()[clip.offset : clip.offset + clip.bytes]
        assert content == (drawn_footage / "videos" / clip.path).read_bytes()
    for column in ("frames", "bytes", "offset"):
        assert listing.clips[column].dtype == np.int64
    outer = list_clips(archives, str(tmp_path.parent))
    assert outer.clips["archive"].iloc[0] == f"{tmp_path.name}/part-0.tar"
    with pytest.raises(UserError, match="is not inside"):
        list_clips(archives, str(drawn_footage))


def test_a_manifest_of_what_is_in_archives(archives: str, drawn_footage: Path, tmp_path: Path) -> None:
    every = list_clips(archives, None)
    clips = read_manifest(drawn_footage / "clips.csv").clips.iloc[::-1]
    write_manifest(Manifest(clips, ("jump", "wave")), tmp_path / "clips.csv")
    (tmp_path / "list.txt").write_text("c5.avi\nnowhere.avi\n")

    listing = list_clips(str(tmp_path / "clips.csv"), archives)
    assert listing.videos == str(tmp_path) and ids(listing) == CLIPS[::-1]
    pd.testing.assert_frame_equal(listing.clips, every.clips.iloc[::-1].reset_index(drop=True), check_dtype=False)
    picked = list_clips(str(tmp_path / "list.txt"), archives).clips
    assert picked["archive"].tolist() == ["part-1.tar", ""], "a clip that is nowhere will fail by itself"
    (tmp_path / "list.txt").write_text("nowhere.avi\n")
    with pytest.raises(UserError, match=r"no member of .* is one of the clips; the first of these is nowhere\.avi"):
        list_clips(str(tmp_path / "list.txt"), archives)


def test_two_clips_of_one_name(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4", "a.avi"):
        (tmp_path / name).touch()
    with pytest.raises(UserError, match=r"a\.avi and a\.mp4 would both be called a; leave one of each out"):
        list_clips(str(tmp_path), None)
    (tmp_path / "list.txt").write_text("b.mp4\na.mp4\nb.mp4\n")
    with pytest.raises(UserError, match=r"b\.mp4 and b\.mp4 would both be called b"):
        list_clips(str(tmp_path / "list.txt"), str(tmp_path))


def test_one_member_in_two_archives(archives: str, tmp_path: Path, drawn_footage: Path) -> None:
    with tarfile.open(tmp_path / "part-2.tar", "w") as tar:
        tar.add(drawn_footage / "videos" / "c0.avi", "c0.avi")
    with pytest.raises(UserError, match=r"c0\.avi and c0\.avi would both be called c0"):
        list_clips(f"{tmp_path}/*.tar", None)
    with pytest.raises(UserError, match=r"the member c0\.avi is in part-0\.tar and in part-2\.tar"):
        list_clips(str(drawn_footage / "clips.csv"), f"{tmp_path}/*.tar")


@pytest.mark.parametrize("name", ["new\nline.mp4", "tab\t.mp4", os.fsdecode(b"latin-\xe9.mp4")])
def test_names_that_cannot_be_written_down(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(UserError, match="has a character that cannot be printed"):
        list_clips(str(tmp_path), None)


@pytest.mark.parametrize(
    ("clips", "videos", "sentence"),
    [
        ("clips.csv", None, r"the paths in .*clips\.csv are relative to a folder: give it \(--videos\)"),
        ("clips.csv", "nowhere", "the video folder .*nowhere does not exist"),
        ("nope", None, "/nope does not exist; give a manifest, a folder, a list of paths, or tar archives"),
        ("videos/nope.avi", None, "nope.avi does not exist"),
        ("videos", "clips.csv", r"the video folder .*clips\.csv is a file and not a folder"),
        ("clips.csv", "clips.csv", r"the video folder .*clips\.csv is a file"),
        ("binary.h5", "videos", "binary.h5 is no list of clips but an HDF5 file"),
        ("nowhere.csv", "videos", "nowhere.csv does not exist; give a manifest"),
        ("nowhere", "videos", "nowhere does not exist"),
        ("empty", None, "no clips in .*empty: no file there ends in .3gp, .asf, .avi"),
        ("empty.txt", "videos", "no clips in .*empty.txt"),
        ("videos/c0.avi", "videos", "is one clip; give a folder, or a list of paths"),
        ("videos", "empty", "videos is not inside .*empty"),
        ("videos", "a.tar", "is a folder, and .*a.tar are archives"),
        ("clips.csv", "nowhere-{0..9}.tar", "there is no nowhere-0.tar in "),
        ("clips.tar.gz", None, "is compressed"),
    ],
)
def test_what_cannot_be_is_one_sentence(footage: Path, clips: str, videos: str | None, sentence: str) -> None:
    (footage / "empty").mkdir()
    (footage / "empty.txt").write_text("# nothing\n")
    (footage / "binary.h5").write_bytes(b"\x89HDF\r\n\x1a\n\0\0")
    with pytest.raises(UserError, match=sentence):
        list_clips(f"{footage}/{clips}", None if videos is None else f"{footage}/{videos}")


def test_clips_of_one_name_are_all_told_up_to_twenty_pairs(tmp_path: Path) -> None:
    for number in range(25):
        for suffix in ("avi", "mp4"):
            (tmp_path / f"{number:02}.{suffix}").touch()
    with pytest.raises(UserError) as told:
        list_clips(str(tmp_path), None)
    assert str(told.value).count(" would both be called ") == 20
    assert "00.avi and 00.mp4 would both be called 00; 01.avi and 01.mp4" in str(told.value)
    assert str(told.value).endswith("; and 5 more pairs; leave one of each out, or rename it")


def test_a_list_of_absolute_paths_needs_no_root(footage: Path, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(f"# all of them\n{footage}/videos/c3.avi\n{footage}/videos/c1.avi\n")
    listing = list_clips(str(tmp_path / "list.txt"), None)
    assert listing.videos == str(footage / "videos") and ids(listing) == ["c3", "c1"]
    other = footage / "more" / "c9.avi"
    other.parent.mkdir()
    shutil.copy(footage / "videos" / "c0.avi", other)
    (tmp_path / "list.txt").write_text(f"{footage}/videos/c3.avi\n{other}\n")
    listing = list_clips(str(tmp_path / "list.txt"), None)
    assert listing.videos == str(footage) and ids(listing) == ["videos/c3", "more/c9"]


def test_a_list_of_urls_needs_no_root(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("s3://bucket/a/x.mp4\ns3://bucket/a/b/y.mp4\n")
    listing = list_clips(str(tmp_path / "list.txt"), None)
    assert listing.videos == "s3://bucket/a" and listing.clips["path"].tolist() == ["x.mp4", "b/y.mp4"]
    for lines in ("s3://one/x.mp4\ns3://two/x.mp4\n", "s3://one/x.mp4\n/data/x.mp4\n"):
        (tmp_path / "list.txt").write_text(lines)
        with pytest.raises(UserError, match="have no beginning in common"):
            list_clips(str(tmp_path / "list.txt"), None)


@pytest.mark.parametrize("lines", ["c3.avi\n", "/videos/c3.avi\nc1.avi\n", "# nothing\n"])
def test_any_other_list_needs_one(lines: str, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(lines)
    with pytest.raises(UserError, match=r"the paths in .*list\.txt are relative to a folder: give it \(--videos\)"):
        list_clips(str(tmp_path / "list.txt"), None)


def test_a_line_with_a_hash_is_a_clip_where_it_is_a_file(footage: Path) -> None:
    """HMDB51 has such names: `#20_Rhythm_clap_u_nm_np1_fr_goo_0.avi`."""
    shutil.copy(footage / "videos" / "c0.avi", footage / "videos" / "#20_clap.avi")
    (footage / "list.txt").write_text(f"# the good ones\n#20_clap.avi\n#21_clap.avi\nc1.avi\n#{'x' * 5000}\n")
    assert ids(list_clips(str(footage / "list.txt"), str(footage / "videos"))) == ["#20_clap", "c1"]
    assert ids(list_clips(str(footage / "videos"), None))[0] == "#20_clap"


def test_in_a_list_of_urls_a_hash_is_a_comment(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("#20_clap.avi\nx.avi\n")
    assert ids(list_clips(str(tmp_path / "list.txt"), "s3://bucket/videos")) == ["x"]


def test_an_unreadable_folder_inside_is_named_itself(footage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (footage / "videos" / "a" / "b").mkdir(parents=True)
    scandir = os.scandir

    def refusing(folder: str) -> object:  # root may list everything
        if str(folder).endswith("/b"):
            raise PermissionError(13, "Permission denied", folder)
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(UserError, match="cannot read .*/videos/a/b: Permission denied"):
        list_clips(f"{footage}/videos", None)


def test_suffixes_may_be_capitals(footage: Path, archives: str) -> None:
    for name in ("clips.csv", "clips.classes.txt"):
        (footage / name).rename(footage / name.replace("csv", "CSV"))
    assert len(list_clips(f"{footage}/clips.CSV", f"{footage}/videos").clips) == 8
    folder = Path(archives).parent
    for archive in folder.glob("*.tar"):
        archive.rename(archive.with_suffix(".TAR"))
    assert len(list_clips(f"{folder}/*.TAR", None).clips) == 8
    with pytest.raises(UserError, match="is compressed"):
        list_clips(f"{folder}/clips.TGZ", None)


def test_a_folder_that_cannot_be_listed_is_a_sentence(footage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def scandir(folder: str) -> None:  # root may list everything
        raise PermissionError(13, "Permission denied", folder)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(UserError, match="cannot read .*videos: Permission denied"):
        list_clips(f"{footage}/videos", None)


def test_manifests_keep_their_own_ids(tmp_path: Path) -> None:
    rows = [("007", "a.avi", 0, "x", "g", "train", "p"), ("NA", "a.avi", 0, "x", "g", "train", "p")]
    rows += [("8", "b.avi", 0, "x", "g", "test", "p")]
    write_manifest(Manifest(pd.DataFrame(rows, columns=list(COLUMNS)), ("x",)), tmp_path / "clips.csv")
    assert ids(list_clips(str(tmp_path / "clips.csv"), str(tmp_path))) == ["007", "NA", "8"], "one file for two clips"
