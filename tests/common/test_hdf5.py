"""HDF5 files are opened without locks, in one place; an error of the operating system is not reported as damage."""

import ast
import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from common.errors import UserError
from common.hdf5 import open_hdf5, refuse_system_error
from evaluate.pipeline.finished_run import read_finished_run
from evaluate.scoring.predictions import read_predictions
from extract.cache import check_cache, read_cache
from manifests.recipes.training import Labels

ROOT = Path(__file__).parent.parent.parent
WRITE_AND_READ = """
import sys
from pathlib import Path
from common.hdf5 import open_hdf5, refuse_system_error
try:
    with open_hdf5(Path(sys.argv[1]), "w") as file:
        file["a"] = [1, 2]
    with open_hdf5(Path(sys.argv[1])) as file, open_hdf5(Path(sys.argv[1])):
        assert file["a"][1] == 2
except OSError as error:
    refuse_system_error(Path(sys.argv[1]), error)
"""


def run(path: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WRITE_AND_READ, str(path)]
    return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("error", ["ENOLCK", "EOPNOTSUPP", "ENOSYS"])
def test_a_file_system_without_locks(
    without_locks: Callable[[str], dict[str, str]], tmp_path: Path, error: str
) -> None:
    ended = run(tmp_path / "a.h5", without_locks(error))
    assert ended.returncode == 0, ended.stderr


def test_a_lock_that_the_environment_asks_for(without_locks: Callable[[str], dict[str, str]], tmp_path: Path) -> None:
    """For HDF5, its variable comes before any argument, so the sentence names the variable."""
    ended = run(tmp_path / "a.h5", without_locks("ENOLCK") | {"HDF5_USE_FILE_LOCKING": "TRUE"})
    assert "No locks available; its file system has no locks, and HDF5_USE_FILE_LOCKING=TRUE" in ended.stderr
    assert "unset it" in ended.stderr and "merge" not in ended.stderr


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EACCES, errno.ENOLCK])
@pytest.mark.parametrize("read", [read_cache, check_cache, read_predictions])
def test_what_the_system_refuses_is_no_damage(
    read: Callable[[Path], object], number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError(number, "Unable to synchronously open file (and more)")

    for module in ("extract.cache", "evaluate.scoring.predictions"):
        monkeypatch.setattr(f"{module}.open_hdf5", refused)
    with pytest.raises(UserError, match=f"cannot read .*a.h5: {os.strerror(number)}; ") as raised:
        read(tmp_path / "a.h5")
    assert not any(word in str(raised.value) for word in ("merge it again", "write it again", "damaged", "remove"))


def test_a_folder_is_no_damage(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a feature cache but a folder; give the .h5"):
        read_cache(tmp_path)


def test_predictions_of_a_finished_run_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "predictions").mkdir()
    (tmp_path / "predictions" / "a.h5").touch()
    (tmp_path / "table.csv").write_text("method,protocol,seeds\n")

    def refused(*_: object) -> None:
        raise OSError(errno.EIO, "Unable to synchronously open file")

    monkeypatch.setattr("evaluate.pipeline.finished_run.open_hdf5", refused)
    with pytest.raises(UserError, match="cannot read .*a.h5: Input/output error") as raised:
        read_finished_run(tmp_path, Labels())
    assert "remove it" not in str(raised.value)


def test_damage_is_left_to_the_reader(tmp_path: Path) -> None:
    with open_hdf5(tmp_path / "a.h5", "w") as file:
        file["a"] = list(range(1000))
    (tmp_path / "a.h5").write_bytes((tmp_path / "a.h5").read_bytes()[:900])
    with pytest.raises(OSError) as damage:
        open_hdf5(tmp_path / "a.h5")
    refuse_system_error(tmp_path / "a.h5", damage.value)
    with pytest.raises(UserError, match="is not a whole feature cache .*merge it again"):
        read_cache(tmp_path / "a.h5")


def test_nothing_else_opens_hdf5() -> None:
    packages = (ROOT / package for package in ("common", "manifests", "extract", "distill", "evaluate"))
    sources = [path for package in packages for path in package.rglob("*.py")]
    opening = [
        path.relative_to(ROOT).as_posix()
        for path in sources
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("h5py.File", "File")
    ]
    assert opening == ["common/hdf5.py"]
