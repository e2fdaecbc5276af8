"""What is submitted to an engine: which shards of which run, and the command of a worker. Every engine starts the same.

`prepare_submission` makes a `Submission` from the user's `SubmitConfig`. pandas is imported in functions, because the
command line loads the engines for every `--help`.
"""

import itertools
import sys
from dataclasses import dataclass
from pathlib import Path

from common.subprocesses import safe_path_option

DECODERS = 8  # decode processes of a worker whose cores are requested before its machine is known


@dataclass(frozen=True)
class SubmitConfig:
    """What the user wants of the workers, whatever engine starts them.

    Attributes:
        retry: take the clips that failed, instead of those never tried.
        device: of the workers; None: as planned.
        workers: decode processes of each worker; None: what suits the engine.
        at_once: maximum number of shards at a time; None: as many as the engine has capacity for.
    """

    retry: bool = False
    device: str | None = None
    workers: int | None = None
    at_once: int | None = None


@dataclass(frozen=True)
class Submission:
    """Shards to work on, and how.

    Attributes:
        out: the feature cache to make, an absolute path.
        shards: the numbers of the shards that need a worker.
        num_shards: how many shards the run has.
        retry: as in `SubmitConfig`.
        device: as in `SubmitConfig`.
        workers: as in `SubmitConfig`.
        at_once: as in `SubmitConfig`.
    """

    out: Path
    shards: tuple[int, ...]
    num_shards: int
    retry: bool = False
    device: str | None = None
    workers: int | None = None
    at_once: int | None = None

    @property
    def jobs(self) -> Path:
        """The folder of job files and logs."""
        from extract.shards.run_folder import RunFolder

        return RunFolder(self.out).folder / "jobs"

    def command(self, python: str = sys.executable) -> list[str]:
        """Return the command of a worker, without its `--shard I/N`.

        Args:
            python: the interpreter; a container has another one.
        """
        verb = ["retry", str(self.out)] if self.retry else ["run", "--out", str(self.out)]
        options = [("--device", self.device), ("--workers", self.workers)]
        return [
            python,
            *(safe_path_option() if python == sys.executable else []),  # images set PYTHONSAFEPATH
            "-m",
            "extract",
            *verb,
            *(str(word) for pair in options if pair[1] is not None for word in pair),
        ]


def prepare_submission(out: Path, config: SubmitConfig) -> Submission:
    """Return the shards of a run that have something to extract, or for a retry failed clips.

    That is a clip that is missing, or one whose file was missing when it failed and exists now.

    Raises:
        UserError: nothing is planned, or the device has an unknown name.
    """
    from common.device import check_device_name
    from extract.shards.missing_files import found_again
    from extract.shards.run_folder import RunFolder

    if config.device is not None:
        check_device_name(config.device)
    run = RunFolder(out)
    if config.retry:
        shards = [number for number in range(run.plan.shards) if run.failures_of(number)]
    else:
        begun = [number for number, shard in enumerate(run.shards()) if shard.failures(())]
        found = (found_again(run, run.plan, run.clips_of(number)) for number in begun)
        shards = sorted({*run.unfinished(), *itertools.chain.from_iterable(found)})
    return Submission(
        out.absolute(),
        tuple(shards),
        run.plan.shards,
        retry=config.retry,
        device=config.device,
        workers=config.workers,
        at_once=config.at_once,
    )
