"""Tar archives: the names that a pattern means, the offsets of members, and damaged archives."""

import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import UserError
from extract.sources.archives import Member, archive_names, are_archives, expand_braces, members


def write_archive(path: Path, contents: dict[str, bytes], **options: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", **options) as tar:  # type: ignore[call-overload]
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def videos(name: str) -> bool:
    return name.endswith(".mp4")


def names(pattern: str) -> list[str]:
    root, found = archive_names(pattern)
    return [f"{root}/{name}" for name in found]


@pytest.mark.parametrize(
    ("pattern", "expanded"),
    [
        ("plain.tar", ["plain.tar"]),
        ("a-{1..3}.tar", ["a-1.tar", "a-2.tar", "a-3.tar"]),
        ("a-{008..010}.tar", ["a-008.tar", "a-009.tar", "a-010.tar"]),
        ("a-{2..0}", ["a-2", "a-1", "a-0"]),
        ("{train,test}/{0..1}", ["train/0", "train/1", "test/0", "test/1"]),
        ("{a,b{1..2}}", ["a", "b1", "a", "b2"]),
        ("{}", [""]),
    ],
)
def test_braces(pattern: str, expanded: list[str]) -> None:
    assert expand_braces(pattern) == expanded


@given(st.integers(0, 300), st.integers(0, 300), st.integers(1, 5))
def test_a_range_counts_every_number_once(first: int, last: int, width: int) -> None:
    expanded = expand_braces(f"{{{first:0{width}d}..{last:0{width}d}}}")
    assert sorted(map(int, expanded)) == list(range(min(first, last), max(first, last) + 1))


def test_a_slip_of_the_pen_is_no_list_of_all_numbers() -> None:
    with pytest.raises(UserError, match="more than 1000000 names"):
        expand_braces("a-{0..99999999999}.tar")


def test_names_of_archives(tmp_path: Path) -> None:
    for name in ("train/a-0.tar", "train/a-1.tar", "test/a-0.tar", "train/notes.txt"):
        write_archive(tmp_path / name, {})
    train = [f"{tmp_path}/train/a-0.tar", f"{tmp_path}/train/a-1.tar"]
    assert names(f"{tmp_path}/train/a-0.tar") == train[:1]
    assert names(f"{tmp_path}/train/a-{{0..1}}.tar") == names(f"{tmp_path}/train/*.tar") == train
    assert archive_names(f"{tmp_path}/{{test,train}}/*-0.tar") == (str(tmp_path), ["test/a-0.tar", "train/a-0.tar"])
    assert archive_names(f"{tmp_path}/train/a-{{0,0}}.tar")[1] == ["a-0.tar"]
    assert len(names(f"{tmp_path}/**/*.tar")) == 3


def test_a_name_with_braces_that_is_there_is_meant(tmp_path: Path) -> None:
    write_archive(tmp_path / "a{1,2}[x].tar", {})
    assert archive_names(f"{tmp_path}/a{{1,2}}[x].tar") == (str(tmp_path), ["a{1,2}[x].tar"])


def test_names_in_this_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_archive(tmp_path / "a.tar", {})
    monkeypatch.chdir(tmp_path)
    assert archive_names("a.tar") == archive_names("*.tar") == (".", ["a.tar"])


@pytest.mark.parametrize("pattern", ["none.tar", "a-{0..1}.tar", "b-*.tar"])
def test_archives_that_are_not_there(tmp_path: Path, pattern: str) -> None:
    write_archive(tmp_path / "a-0.tar", {})
    with pytest.raises(UserError, match=r"there is no (none|a-1|b-\*)\.tar in "):
        archive_names(f"{tmp_path}/{pattern}")


def test_compressed_archives_are_refused() -> None:
    assert are_archives("s3://bucket/a-{0..9}.tar") and not are_archives("tar/list.txt")
    with pytest.raises(UserError, match="is compressed"):
        are_archives("a.tar.gz")


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_members_are_where_they_are_said_to_be(tmp_path: Path, format: int) -> None:
    contents = {
        "0.mp4": b"zero",
        "0.json": b"{}",
        "./folder/1.mp4": bytes(1000),
        "empty.mp4": b"",
        f"{'long' * 20}/{'name' * 20}.mp4": b"x" * 513,
    }
    path = write_archive(tmp_path / "x.tar", contents, format=format)
    found = list(members(str(path), videos))
    whole = path.read_bytes()
    assert {member.name: whole[member.offset : member.offset + member.size] for member in found} == {
        name.removeprefix("./"): content for name, content in contents.items() if videos(name)
    }
    assert all(member.offset >= 512 for member in found), "0 means a file that is in no archive"


def test_an_empty_archive_has_no_members(tmp_path: Path) -> None:
    assert list(members(str(write_archive(tmp_path / "x.tar", {})), videos)) == []


@pytest.mark.parametrize("name", ["/etc/a.mp4", "../a.mp4", "a/../../b.mp4"])
def test_members_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    path = write_archive(tmp_path / "x.tar", {"good.mp4": b"", name: b""})
    with pytest.raises(UserError, match=r"x\.tar: the member .* leads out of the archive's folder"):
        list(members(str(path), videos))
    assert list(members(str(path), lambda name: name == "good.mp4")) == [Member("good.mp4", 512, 0)]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_links_are_refused(tmp_path: Path, kind: bytes) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        member = tarfile.TarInfo("a.mp4")
        member.type, member.linkname = kind, "b.mp4"
        tar.addfile(member)
    with pytest.raises(UserError, match="the member a.mp4 is a link or sparse"):
        list(members(str(tmp_path / "x.tar"), videos))


def test_archives_cut_anywhere_are_noticed(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "x.tar", {f"{number}.mp4": bytes([number]) * 700 for number in range(1, 4)})
    whole = path.read_bytes()
    end = 3 * (512 + 1024)
    for cut in (0, 100, 512, 513, 1000, 1536, 1537, 2048, 3000, end - 1, end):
        path.write_bytes(whole[:cut])
        with pytest.raises(UserError, match="is cut|cannot read"):
            list(members(str(path), videos))


def test_a_damaged_header_is_not_the_end(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "x.tar", {"1.mp4": b"1", "2.mp4": b"2"})
    damaged = bytearray(path.read_bytes())
    damaged[1024 + 5] ^= 1  # in the second header
    path.write_bytes(damaged)
    with pytest.raises(UserError, match="is damaged at byte 1024"):
        list(members(str(path), videos))


def test_what_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_text("text\n" * 500)
    for path, reason in ((tmp_path / "x.tar", "cannot read"), (tmp_path / "nowhere.tar", "does not exist")):
        with pytest.raises(UserError, match=reason):
            list(members(str(path), videos))


def test_archives_put_one_behind_the_other_are_refused(tmp_path: Path) -> None:
    """Members after the end of the first archive would be missed."""
    for name in ("a", "b"):
        (tmp_path / f"{name}.avi").write_bytes(b"video")
        with tarfile.open(tmp_path / f"{name}.tar", "w") as tar:
            tar.add(tmp_path / f"{name}.avi", f"{name}.avi")
    joined = tmp_path / "joined.tar"
    joined.write_bytes((tmp_path / "a.tar").read_bytes() + (tmp_path / "b.tar").read_bytes())
    assert [member.name for member in members(str(tmp_path / "a.tar"), lambda name: True)] == ["a.avi"]
    with pytest.raises(UserError, match="has data after its end, as archives joined by cat have"):
        list(members(str(joined), lambda name: True))
