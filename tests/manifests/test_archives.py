"""Unpacking: files are complete or missing and inside the folder, and an interrupted unpacking resumes; zip and RAR.

Nobody but its owner may write compressed RAR, so the archives here are of stored members, which need no program; what
is compressed is read through a stand-in for the program.
"""

import importlib.util
import shutil
import stat
import sys
import zipfile
import zlib
from collections import namedtuple
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from manifests import archives as archives_module
from manifests.archives import Unpacked, unpack_archives

FILES = {"UCF-101/A/v_A_g01_c01.avi": b"first" * 999, "UCF-101/A/v_A_g01_c02.avi": b"", "UCF-101/b.txt": b"third"}


def write_zip(path: Path, files: Mapping[str, bytes] = FILES, mode: int = 0) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("UCF-101/", b"")
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            archive.writestr(info, content)
    return path


def vint(number: int) -> bytes:
    """A number of RAR 5: seven bits a byte, the lowest first, the highest bit set where more follow."""
    *more, last = [(number >> shift) & 127 for shift in range(0, max(number.bit_length(), 1), 7)]
    return bytes([*(part | 128 for part in more), last])


def block(kind: int, fields: bytes, data: bytes = b"", extra: bytes = b"") -> bytes:
    flags = (1 if extra else 0) | (2 if data else 0)
    sizes = (vint(len(extra)) if extra else b"") + (vint(len(data)) if data else b"")
    head = vint(kind) + vint(flags) + sizes + fields + extra
    head = vint(len(head)) + head
    return zlib.crc32(head).to_bytes(4, "little") + head + data


def write_rar(
    path: Path, files: Mapping[str, bytes] = FILES, *, method: int = 0, solid: bool = False, link: str = ""
) -> Path:
    """RAR 5 as its public description has it: signature, main block, a block a file, end block."""
    content = b"Rar!\x1a\x07\x01\x00" + block(1, vint(4 if solid else 0))
    for name, data in files.items():
        text = name.encode()
        about = [vint(4), vint(len(data)), vint(0o100644), zlib.crc32(data).to_bytes(4, "little"), vint(method << 7)]
        target = link.encode()
        record = vint(5) + vint(1) + vint(0) + vint(len(target)) + target
        extra = vint(len(record)) + record if link else b""
        content += block(2, b"".join(about) + vint(1) + vint(len(text)) + text, data, extra)
    path.write_bytes(content + block(5, vint(0)))
    return path


@pytest.fixture(params=["zip", "rar"])
def write(request: pytest.FixtureRequest) -> Callable[..., Path]:
    if request.param == "rar":
        pytest.importorskip("rarfile")
        return write_rar
    return write_zip


def contents(out: Path) -> dict[str, bytes]:
    """Return every file of a folder except the lock."""
    paths = [path for path in out.rglob("*") if not path.is_dir() and path.name != ".unpack.lock"]
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in paths}


def test_all_of_it_comes_out_and_again_nothing_is_done(tmp_path: Path, write: Callable[..., Path]) -> None:
    archive, out, moves = write(tmp_path / "UCF101.x"), tmp_path / "new" / "out", []
    assert unpack_archives([archive], out, progress=lambda *now: moves.append(now)) == Unpacked(3, 0)
    assert contents(out) == FILES
    assert moves[-1] == (5000, 5000)
    stamps = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.name != ".unpack.lock"}
    assert unpack_archives([archive], out) == Unpacked(0, 3)
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps


@settings(max_examples=30, deadline=None)
@given(
    st.dictionaries(st.from_regex(r"[a-z]{1,3}/[a-zäß ._]{1,5}x", fullmatch=True), st.binary(max_size=99), min_size=1)
)
def test_any_names_and_bytes_come_out_of_both_as_they_went_in(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    unpack_archives([write_zip(folder / "a.zip", files)], folder / "zip")
    assert contents(folder / "zip") == files
    if importlib.util.find_spec("rarfile"):
        unpack_archives([write_rar(folder / "a.rar", files)], folder / "rar")
        assert contents(folder / "rar") == files


def test_what_is_missing_cut_or_left_over_is_made_good_and_strangers_stay(
    tmp_path: Path, write: Callable[..., Path]
) -> None:
    archive, out = write(tmp_path / "a.x"), tmp_path / "out"
    unpack_archives([archive], out)
    (out / "UCF-101" / "A" / "v_A_g01_c01.avi").write_bytes(b"cut")
    (out / "UCF-101" / "b.txt").unlink()
    (out / "UCF-101" / ".b.txt.part").write_bytes(b"of a killed process, longer than the file")
    (out / "UCF-101" / "mine.txt").write_bytes(b"mine")
    assert unpack_archives([archive], out) == Unpacked(2, 1)
    assert contents(out) == FILES | {"UCF-101/mine.txt": b"mine"}


def test_interrupted_it_leaves_whole_files_only_and_goes_on(tmp_path: Path, write: Callable[..., Path]) -> None:
    archive, out = write(tmp_path / "a.x"), tmp_path / "out"

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        unpack_archives([archive], out, progress=interrupt)
    assert contents(out) == dict([*FILES.items()][:1])
    assert unpack_archives([archive], out) == Unpacked(2, 1)


def test_a_file_that_is_interrupted_halfway_is_not_there(
    tmp_path: Path, write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(source: Any, file: Any, length: int) -> None:
        file.write(source.read(7))
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfileobj", half)
        with pytest.raises(KeyboardInterrupt):
            unpack_archives([write(tmp_path / "a.x")], tmp_path / "out")
    assert contents(tmp_path / "out") == {}


def test_a_byte_that_has_changed_is_noticed_before_the_file_is_there(
    tmp_path: Path, write: Callable[..., Path]
) -> None:
    archive = write(tmp_path / "a.x", {"a.txt": bytes(range(256)), "b.txt": b"later"})
    content = bytearray(archive.read_bytes())
    content[content.index(b"\x64\x65\x66")] ^= 1
    archive.write_bytes(content)
    with pytest.raises(UserError, match=r"a\.x, member a\.txt is damaged.*archive again"):
        unpack_archives([archive], tmp_path / "out")
    assert contents(tmp_path / "out") == {}


@pytest.mark.parametrize(
    "name", ["../a.avi", "a/../../b.avi", "/etc/a.avi", "C:/a.avi", "a\\..\\..\\b.avi", "a/new\nline.avi", ".."]
)
def test_no_member_leads_out_of_the_folder(tmp_path: Path, write: Callable[..., Path], name: str) -> None:
    archive = write(tmp_path / "a.x", {"good.avi": b"1", name: b"2"})
    with pytest.raises(UserError, match=r"the member .* would lead out of .*nothing was unpacked"):
        unpack_archives([archive], tmp_path / "in" / "out")
    assert {path.name for path in tmp_path.rglob("*")} == {"a.x"}


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFBLK])
def test_a_link_or_a_device_in_a_zip_is_refused(tmp_path: Path, kind: int) -> None:
    archive = write_zip(tmp_path / "a.zip", {"evil": b"/etc/passwd"}, kind | 0o777)
    with pytest.raises(UserError, match="the member evil is a link or a device"):
        unpack_archives([archive], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_link_in_a_rar_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("rarfile")
    archive = write_rar(tmp_path / "a.rar", {"evil": b""}, link="/etc/passwd")
    with pytest.raises(UserError, match="the member evil is a link or a device"):
        unpack_archives([archive], tmp_path / "out")


def test_two_for_one_file_are_refused_unless_they_are_the_same(tmp_path: Path, write: Callable[..., Path]) -> None:
    one, other = write(tmp_path / "1.x", {"readme": b"a", "x": b"1"}), write(tmp_path / "2.x", {"readme": b"b"})
    with pytest.raises(UserError, match=r"2\.x: the member readme is also in .*1\.x; nothing was unpacked"):
        unpack_archives([one, other], tmp_path / "out")
    same = write(tmp_path / "3.x", {"readme": b"a", "y": b"2"})
    unpack_archives([one, same], tmp_path / "out")
    assert contents(tmp_path / "out") == {"readme": b"a", "x": b"1", "y": b"2"}
    twice = write(tmp_path / "4.x", {"d/a": b"1", "d//a": b"1"})
    with pytest.raises(UserError, match="is also in"):
        unpack_archives([twice], tmp_path / "out")


def test_a_disk_that_is_too_small_is_known_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[..., Path]
) -> None:
    archive, usage = write(tmp_path / "a.x"), namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(3 * 4096 - 1))  # 4,995, 0 and 5 bytes
    with pytest.raises(UserError, match=r"out has 0\.0 GB free, and 0\.0 GB are still to be unpacked; make room"):
        unpack_archives([archive], tmp_path / "out")
    assert contents(tmp_path / "out") == {}
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(3 * 4096))
    unpack_archives([archive], tmp_path / "out")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(0))
    unpack_archives([archive], tmp_path / "out")  # nothing is left to write


def test_only_one_unpacks(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with (
        FileLock(tmp_path / "out" / ".unpack.lock"),
        pytest.raises(UserError, match="another process is unpacking"),
    ):
        unpack_archives([write_zip(tmp_path / "a.zip")], tmp_path / "out")


def test_known_checksums_are_checked_where_something_is_missing(tmp_path: Path) -> None:
    archive, out = write_zip(tmp_path / "a.zip"), tmp_path / "out"
    for wrong in ({"a.zip": "md5:123"}, {"a.zip": "sha256:123"}):
        with pytest.raises(UserError, match=rf"a\.zip has the {wrong['a.zip'][:3]}.*, and 123 is known .*download it"):
            unpack_archives([archive], out, wrong)
        assert contents(out) == {}
    unpack_archives(
        [archive], out, {"a.zip": f"sha256:{archives_module.hashlib.sha256(archive.read_bytes()).hexdigest()}"}
    )
    assert unpack_archives([archive], out, {"a.zip": "md5:123"}) == Unpacked(0, 3)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is neither a .zip nor a .rar"),
        (b"<html>not found</html>", "is neither a .zip nor a .rar"),
        (b"Rar!\x1a\x07\x01\x00", "is damaged|no file is in"),
        (b"Rar!rubbish", "is damaged"),
    ],
)
def test_what_is_no_archive(tmp_path: Path, content: bytes, sentence: str) -> None:
    pytest.importorskip("rarfile")
    (tmp_path / "a.rar").write_bytes(content)
    with pytest.raises(UserError, match=sentence):
        unpack_archives([tmp_path / "a.rar"], tmp_path / "out")


def test_a_cut_archive(tmp_path: Path, write: Callable[..., Path]) -> None:
    archive = write(tmp_path / "a.x", {"a": b"1" * 99, "b": bytes(range(250))})
    archive.write_bytes(archive.read_bytes()[:-200])
    with pytest.raises(UserError, match=r"a\.x"):
        unpack_archives([archive], tmp_path / "out")
    assert "b" not in contents(tmp_path / "out")


def test_an_archive_that_is_not_there_or_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no archive"):
        unpack_archives([tmp_path / "none.zip"], tmp_path / "out")
    archive = write_zip(tmp_path / "a.zip", {"a": b"1"})
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot write"):
        unpack_archives([archive], tmp_path / "file" / "out")
    (tmp_path / "out" / "a").mkdir(parents=True)
    with pytest.raises(UserError, match="member a: "):
        unpack_archives([archive], tmp_path / "out")


def test_a_password_is_a_sentence(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "a.zip", {"a": b"1"})
    content = bytearray(archive.read_bytes())
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # a bit of the flags says that it is encrypted
        content[content.rindex(magic) + offset] |= 1
    archive.write_bytes(content)
    with pytest.raises(UserError, match="cannot unpack .*password"):
        unpack_archives([archive], tmp_path / "out")


def test_a_solid_rar_is_left_to_others(tmp_path: Path) -> None:
    pytest.importorskip("rarfile")
    with pytest.raises(UserError, match="is a solid archive; unpack it yourself, as with `unar`"):
        unpack_archives([write_rar(tmp_path / "a.rar", solid=True)], tmp_path / "out")


def test_without_the_package_a_rar_is_a_sentence_and_a_zip_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "rarfile", None)
    with pytest.raises(UserError, match="a package is missing that reads .rar: rarfile; the extra `rar` brings it"):
        unpack_archives([write_rar(tmp_path / "a.rar")], tmp_path / "out")
    assert unpack_archives([write_zip(tmp_path / "a.zip")], tmp_path / "out") == Unpacked(3, 0)


@pytest.mark.parametrize(
    ("says", "sentence"),
    [(b"what was packed", None), (b"what was pecked", "is damaged"), (b"what", "is damaged"), (b"", "is damaged")],
)
def test_what_is_compressed_comes_from_a_program_and_is_held_against_the_checksum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: bytes, sentence: str | None
) -> None:
    """The program is a stand-in, called as the package calls bsdtar; `says` is what it unpacks."""
    rarfile = pytest.importorskip("rarfile")
    archive = write_rar(tmp_path / "a.rar", {"a.avi": b"what was packed"}, method=3)
    monkeypatch.setattr(rarfile, "CURRENT_SETUP", None)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(UserError, match="no program is found that unpacks .rar; install unar"):
        unpack_archives([archive], tmp_path / "out")
    (tmp_path / "printed").write_bytes(says)
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "bsdtar"
    program.write_text(f"#!/bin/sh\n[ $1 = --version ] || exec /bin/cat {tmp_path / 'printed'}\n")
    program.chmod(0o755)
    if sentence is None:
        unpack_archives([archive], tmp_path / "out")
        assert contents(tmp_path / "out") == {"a.avi": b"what was packed"}
        return
    with pytest.raises(UserError, match=sentence):
        unpack_archives([archive], tmp_path / "out")
    assert contents(tmp_path / "out") == {}


def test_files_have_the_rights_that_others_of_this_user_have(tmp_path: Path) -> None:
    unpack_archives([write_zip(tmp_path / "a.zip")], tmp_path / "out")
    (tmp_path / "mine").touch()
    assert (tmp_path / "out" / "UCF-101" / "b.txt").stat().st_mode == (tmp_path / "mine").stat().st_mode
