"""What is to be started: which shards of which run, and the command of a worker. Every engine starts the same."""

import sys
from dataclasses import dataclass
from pathlib import Path

from extract.shards.run_folder import RunFolder

DECODERS = 8  # of a worker whose cores are asked for before it is known where it runs


@dataclass(frozen=True)
class Work:
    """The shards to be worked on, and how.

    Attributes:
        out: the feature cache to make, an absolute path.
        shards: the numbers of the shards that somebody has to work on.
        of: how many shards the run has.
        retry: take the clips that failed, instead of those never tried.
        device: of the workers; None: as planned.
        workers: decode processes of each; None: what suits the engine.
        at_once: most shards at a time; None: as many as the engine has room for.
    """

    out: Path
    shards: tuple[int, ...]
    of: int
    retry: bool = False
    device: str | None = None
    workers: int | None = None
    at_once: int | None = None

    @property
    def jobs(self) -> Path:
        """The folder of job files and logs."""
        return RunFolder(self.out).folder / "jobs"

    def command(self, python: str = sys.executable) -> list[str]:
        """Return the command of a worker, all but its `--shard I/N`.

        Args:
            python: the interpreter; a container has another one.
        """
        verb = ["retry", str(self.out)] if self.retry else ["run", "--out", str(self.out)]
        options = [("--device", self.device), ("--workers", self.workers)]
        return [
            python,
            "-m",
            "extract",
            *verb,
            *(str(word) for pair in options if pair[1] is not None for word in pair),
        ]


def find_work(
    out: Path, *, retry: bool = False, device: str | None = None, workers: int | None = None, at_once: int | None = None
) -> Work:
    """Return what is left to do of a run: the shards with missing clips, or for `retry` those with failed ones.

    Raises:
        UserError: nothing is planned.
    """
    run = RunFolder(out)
    if retry:
        failed = run.clips["clip_id"].isin(run.failures().keys())
        shards = sorted({int(number) for number in run.clips.loc[failed, "shard"]})
    else:
        shards = run.unfinished()
    return Work(out.absolute(), tuple(shards), run.plan.shards, retry, device, workers, at_once)
