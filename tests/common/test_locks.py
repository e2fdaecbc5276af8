"""A lock is held by one process at a time; on a file system without locks, work continues."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from common.locks import locked

HOLD = """
import sys
from pathlib import Path
from common.run_record import only_writer
from common.locks import locked
folder = Path(sys.argv[1])
leftover = folder / "run" / ".done.json.abcdefgh.tmp"
with locked(folder / "deep" / "lock") as alone, locked(folder / "deep" / "lock") as other:
    assert not alone and not other
leftover.parent.mkdir()
leftover.touch()  # another process may be writing it
with only_writer(folder / "run"), only_writer(folder / "run"):
    assert leftover.exists()
"""


def test_one_process_at_a_time(tmp_path: Path) -> None:
    lock = tmp_path / "deep" / "lock"
    with locked(lock) as alone:
        assert alone
        with pytest.raises(Timeout), locked(lock, 0.1):
            pass
    with FileLock(lock), pytest.raises(Timeout), locked(lock):
        pass


def test_a_folder_that_cannot_be_made_is_the_systems_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"Not a directory|File exists"), locked(tmp_path / "file" / "lock"):
        pass


@pytest.mark.parametrize("error", ["ENOLCK", "EOPNOTSUPP", "ENOSYS"])
def test_a_file_system_without_locks(
    without_locks: Callable[[str], dict[str, str]], tmp_path: Path, error: str
) -> None:
    command = [sys.executable, "-W", "error", "-c", HOLD, str(tmp_path)]
    ended = subprocess.run(command, env=os.environ | without_locks(error), capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
