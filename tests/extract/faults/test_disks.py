"""Full disks and read-only folders, before a run or in the middle of it: one sentence, and no result is lost."""

import contextlib
import os
import random
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOM = 2 << 20  # of a disk: the cache and its parts take somewhat more than half


@contextlib.contextmanager
def disk(folder: Path) -> Iterator[Path]:
    """Mount a small disk in memory."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "faults", folder], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(path: Path, left: int) -> None:
    """Fill a disk; leave `left` bytes free."""
    with path.open("wb") as file, contextlib.suppress(OSError):
        while True:
            os.write(file.fileno(), bytes(4096))
    os.truncate(path, max(path.stat().st_size - left, 0))


@pytest.mark.slow
def test_a_full_disk(campaign: Any, trial: Callable[..., Any], archive: Any, tmp_path: Path) -> None:
    fault, chance = campaign.fault("disk full"), campaign.chance("disk full")
    said = 0
    for time_ in range(campaign.times(3, 25)):
        with disk(tmp_path / f"disk{time_}") as folder:
            filler, left = folder / "filler", chance.choice([0, 8 << 10, 64 << 10, 1 << 20])
            full = trial(fault, folder=folder, of=chance.choice([None, archive]))
            if from_the_start := chance.random() < 0.6:
                fill(filler, chance.randint(0, left))
            running = full.start()
            if not from_the_start:
                time.sleep(chance.uniform(0, 0.6))
                fill(filler, chance.randint(0, left))
            finished = full.end(running)
            fault.times += 1
            if finished.status == 1:
                said += 1
                if "No space left on device" not in finished.stderr:
                    fault.trouble("wrong", finished)
            filler.unlink()
            full.finish()
    fault.outcome = f"{said} stopped and said so, {fault.times - said} had room enough"


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Make a folder read-only for everybody."""
    if os.geteuid():
        folder.chmod(0o555)
    elif subprocess.run(["chattr", "+i", folder], capture_output=True, check=False).returncode:
        pytest.skip("root may write everywhere, and this file system has no chattr +i")
    try:
        yield
    finally:
        if os.geteuid():
            folder.chmod(0o755)
        else:
            subprocess.run(["chattr", "-i", folder], check=True)


@pytest.mark.slow
def test_a_folder_that_may_not_be_written(campaign: Any, trial: Callable[..., Any]) -> None:
    fault, chance = campaign.fault("folder read-only"), campaign.chance("folder read-only")
    said = 0
    for _ in range(campaign.times(2, 20)):
        closed = trial(fault)
        running = None
        if chance.random() < 0.6:
            running = closed.start()
            time.sleep(chance.uniform(0, 0.6))
        with read_only(_a_folder(closed.out.parent, chance)):
            finished = closed.end(running or closed.start())
        fault.times += 1
        said += finished.status == 1
        closed.finish()
    fault.outcome = f"{said} stopped and said so, {fault.times - said} did not need that folder any more"


def _a_folder(root: Path, chance: random.Random) -> Path:
    return chance.choice([root, *sorted(path for path in root.rglob("*") if path.is_dir())])


def test_a_disk_remounted_read_only_in_the_middle(campaign: Any, trial: Callable[..., Any], tmp_path: Path) -> None:
    """These runs have no locks: Linux does not make a disk read-only while a lock file is open for writing."""
    fault, chance = campaign.fault("disk remounted read-only"), campaign.chance("remounted")
    said = 0
    for time_ in range(campaign.times(2, 20)):
        with disk(tmp_path / f"disk{time_}") as folder:
            remounted = trial(fault, folder=folder)
            running = remounted.start(error="ENOLCK")
            time.sleep(chance.uniform(0, 0.6))
            for _ in range(1000):
                if not subprocess.run(
                    ["mount", "-o", "remount,ro", folder], capture_output=True, check=False
                ).returncode:
                    break
            finished = remounted.end(running)
            fault.times += 1
            if finished.status == 1:
                said += 1
                if "Read-only file system" not in finished.stderr:
                    fault.trouble("wrong", finished)
            subprocess.run(["mount", "-o", "remount,rw", folder], check=True)
            remounted.finish()
    fault.outcome = f"{said} stopped and said so, {fault.times - said} had finished"
