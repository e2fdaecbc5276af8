"""Files are complete or missing, and paths stay inside their root."""

import os
import stat
from pathlib import Path

import pytest
import typer

from common.command_line import run_cli
from common.errors import UserError
from common.exits import resumable
from common.files import atomic_write, inside, new_folder, sha256_of, write_text


def test_write_replaces_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "f.txt"
    write_text(path, "old")
    write_text(path, "new")
    assert path.read_text() == "new"
    assert [file.name for file in path.parent.iterdir()] == ["f.txt"]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "f.txt"
    write_text(path, "old")
    with pytest.raises(ValueError, match="boom"), atomic_write(path) as temporary:
        temporary.write_text("half")
        raise ValueError("boom")
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["f.txt"]


def test_mode_follows_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        write_text(tmp_path / "f", "x")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o640


def test_unwritable_place_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in ("file/below", "file/below/deep"):
        with pytest.raises(UserError, match=f"cannot write .*{path}: .*/file is a file and not a folder"):
            write_text(tmp_path / path, "x")


def test_a_new_folder_is_complete_or_absent(tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder"
    with pytest.raises(KeyError), new_folder(out) as whole:
        (whole / "half").write_text("half")
        raise KeyError
    assert list((tmp_path / "new").iterdir()) == []
    out.mkdir()  # an empty one may be there
    with new_folder(out) as whole:
        (whole / "file").write_text("content")
        assert not any(out.iterdir())
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["folder"]
    assert (out / "file").read_text() == "content"
    for place in (out, out / "file"):
        with pytest.raises(UserError, match="exists and holds something else"), new_folder(place):
            pass
    with pytest.raises(UserError, match=r"cannot write .*below: "), new_folder(out / "file" / "below"):
        pass


def test_sha256(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"abc")
    assert sha256_of(tmp_path / "f") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/x", "a/.."])
def test_paths_that_leave_their_root(path: str) -> None:
    with pytest.raises(UserError, match="leads out"):
        inside(Path("root"), path)


def test_paths_that_stay() -> None:
    assert inside(Path("root"), "a/b..c.avi") == Path("root/a/b..c.avi")


def test_run_cli_turns_errors_into_sentences(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise UserError("no such thing; make one")

    with pytest.raises(SystemExit) as exit_:
        run_cli(fail)
    assert exit_.value.code == 1
    assert capsys.readouterr().err == "error: no such thing; make one\n"


def test_run_cli_says_that_ctrl_c_loses_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = typer.Typer()

    @app.command()
    @resumable
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sys.argv", ["interrupted"])
    with pytest.raises(SystemExit) as exit_:
        run_cli(app)
    assert exit_.value.code == 130
    assert capsys.readouterr().err == "interrupted: what was finished is kept; run the same command to resume\n"
