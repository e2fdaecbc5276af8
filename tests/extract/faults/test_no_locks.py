"""File systems without locks, with each error that they give: every command works, and the bytes are the same."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ERRORS = ("ENOLCK", "EOPNOTSUPP", "ENOSYS")


@pytest.mark.parametrize("error", ERRORS)
def test_a_file_system_without_locks(
    campaign: Any, trial: Callable[..., Any], clips: Path, tmp_path: Path, error: str
) -> None:
    fault, chance = campaign.fault(f"file system without locks ({error})"), campaign.chance(error)
    videos = tmp_path / "videos"
    videos.mkdir()
    for video in (clips / "videos").iterdir():
        (videos / video.name).symlink_to(video)
    for _ in range(campaign.times(1, 10)):
        broken = chance.choice(sorted(videos.glob("*.avi")))
        broken.unlink()  # fails, is mended and tried again
        lockless = trial(fault, of=[clips / "clips.csv", "--videos", videos], error=error)
        workers = [lockless.start("--shard", f"{shard}/3") for shard in chance.sample(range(3), 2)]
        for worker in workers:
            lockless.end(worker)
        lockless.end(lockless.start())
        status = lockless.do("status", lockless.out)
        if "1 failed, 0 missing" not in status.stdout or lockless.do("verify", lockless.out).status:
            fault.trouble("wrong", status)
        broken.symlink_to(clips / "videos" / broken.name)
        fault.times += 1
        lockless.finish()
    fault.outcome = f"{fault.times} times planned, extracted, merged, verified and retried"
