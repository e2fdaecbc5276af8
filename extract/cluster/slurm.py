"""The engine that writes an array job of SLURM, one task per shard, and submits it by `sbatch`.

The script passes signals on, starts a killed worker again, and requeues its task when the time limit is near. SLURM
itself requeues tasks that were preempted or whose node was lost.
"""

import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path

from pydantic import Field

from common.callbacks import Notify
from common.errors import UserError
from common.files import write_text
from extract.cluster.engine import Engine, EngineCallbacks, EngineSettings
from extract.cluster.submission import Submission

NOTICE = 120  # seconds before its time limit at which a task gets a signal
CONFIG_SECONDS = 30.0  # to wait for SLURM's configuration
SCRIPT = """\
#!/bin/bash
#SBATCH --job-name=extract
#SBATCH --array={array}
#SBATCH --output="{jobs}/slurm-%A_%a.log"
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=B:USR1@{notice}
#SBATCH {own}

# USR1: the time limit is near. TERM: scancel or preemption. The worker finishes its clip, keeps all, ends with 143.
{folder}signals=0
requeue=no
trap 'signals=$((signals + 1)); requeue=yes; kill -TERM "$!"' USR1
trap 'signals=$((signals + 1)); kill -TERM "$!"' TERM

for attempt in 1 2 3; do
    {worker} &
    worker=$!
    # A signal ends the wait, not the worker.
    while heard=$signals; wait "$worker"; status=$?; [ "$heard" -ne "$signals" ]; do :; done
    if [ "$signals" -gt 0 ] || [ "$status" -le 128 ] || [ "$status" -eq 143 ]; then break; fi
    echo "attempt $attempt: the worker was killed (exit status $status)" >&2
done

if [ "$status" -eq 3 ]; then exit 0; fi  # done; the clips that failed are in the ledger
if [ "$status" -ne 0 ] && [ "$requeue" = yes ]; then exec scontrol requeue "$SLURM_JOB_ID"; fi
exit "$status"
"""


@dataclass(frozen=True)
class Piece:
    """The shards of one array: shard = offset + index. SLURM limits the index, not the shard."""

    offset: int
    indexes: tuple[int, ...]
    at_once: int | None


class SlurmSettings(EngineSettings):
    """Options of the SLURM engine."""

    sbatch: str = Field(default="", description="options of sbatch, such as '--partition=gpu --gres=gpu:1'")
    container: str = Field(
        default="", description="what starts a worker in a container, such as 'apptainer exec --nv /data/a.sif'"
    )


def submit_to_slurm(submission: Submission, settings: SlurmSettings, report: Notify, *, dry_run: bool) -> None:
    """Write the batch script and submit it, as several arrays where one would be larger than SLURM allows.

    Args:
        submission: the shards.
        settings: options of `sbatch` for every task, and the command that starts a container; "": none.
        report: takes sentences about what was done.
        dry_run: only write the script.

    Raises:
        UserError: there is no sbatch on this machine, or it refuses the job.
    """
    commands = []
    pieces = cut(submission, max_array_size())
    for number, piece in enumerate(pieces):
        script = submission.jobs / (f"slurm-{number}.sh" if len(pieces) > 1 else "slurm.sh")
        write_text(script, slurm_script(submission, piece, settings, Path.cwd()))
        commands.append(["sbatch", "--parsable", str(script)])
    typed = " && ".join(map(shlex.join, commands))
    if dry_run:
        written = (
            "is written; start it" if len(commands) == 1 else f"and {len(commands) - 1} more are written; start them"
        )
        report(f"{commands[0][-1]} {written} with: {typed}")
        return
    if shutil.which("sbatch") is None:
        raise UserError(f"there is no sbatch here; on a machine of the cluster run: {typed}")
    jobs = _call_sbatch(commands)
    report(
        f"job {' and '.join(jobs)}: {len(submission.shards)} of {submission.num_shards} shards; "
        f"logs in {submission.jobs}"
    )
    watch = f"python -m extract status {shlex.quote(str(submission.out))} --watch"
    report(f"progress: {watch}    cancel: scancel {' '.join(jobs)}")
    report(f"The task that finishes last makes {submission.out.name}; the same command submits what is missing.")


def _call_sbatch(commands: list[list[str]]) -> list[str]:
    """Run the commands and return the ids of their jobs."""
    jobs: list[str] = []
    for command in commands:
        called = subprocess.run(command, capture_output=True, text=True)
        if called.returncode:
            before = f"; submitted before: {', '.join(jobs)}" if jobs else ""
            raise UserError(f"sbatch refuses {command[-1]}: {' '.join(called.stderr.split())}{before}")
        jobs.append(called.stdout.strip().split(";")[0])
    return jobs


def max_array_size() -> int | None:
    """Return SLURM's MaxArraySize; every index of an array is less than it. None: SLURM cannot be asked here."""
    if shutil.which("scontrol") is None:
        return None
    try:
        asked = subprocess.run(["scontrol", "show", "config"], capture_output=True, text=True, timeout=CONFIG_SECONDS)
    except subprocess.TimeoutExpired:
        return None
    size = re.search(r"^MaxArraySize\s*=\s*(\d+)", asked.stdout, re.MULTILINE)
    return int(size[1]) if size else None


def cut(submission: Submission, size: int | None) -> list[Piece]:
    """Cut the shards into arrays whose indexes are less than `size`; None: there is no limit.

    Raises:
        UserError: SLURM takes no arrays, or fewer tasks are wanted at once than there are arrays.
    """
    if size == 0:
        raise UserError("this SLURM takes no job arrays (MaxArraySize = 0); start `extract run --shard I/N` by sbatch")
    size = size or submission.num_shards
    groups = [
        (number * size, tuple(shards)) for number, shards in groupby(submission.shards, lambda shard: shard // size)
    ]
    if submission.at_once is not None and submission.at_once < len(groups):
        raise UserError(
            f"the shards make {len(groups)} arrays, for an array has {size} tasks at most here (MaxArraySize), and "
            f"each runs one task at least: give --at-once {len(groups)} or more, or plan with at most {size} shards"
        )
    shares = [None] * len(groups) if submission.at_once is None else _shares(submission.at_once, len(groups))
    return [
        Piece(offset, tuple(shard - offset for shard in shards), share)
        for (offset, shards), share in zip(groups, shares, strict=True)
    ]


def _shares(total: int, parts: int) -> list[int | None]:
    return [total // parts + (part < total % parts) for part in range(parts)]


def slurm_script(submission: Submission, piece: Piece, settings: SlurmSettings, here: Path) -> str:
    """Return the batch script of an array job.

    Args:
        submission: the shards.
        piece: the array's part of them.
        settings: as for `submit_to_slurm`.
        here: the folder that workers without a container run in.

    Raises:
        UserError: SLURM cannot write logs to such a path.
    """
    if strange := set('%"\\\n') & set(str(submission.jobs)):
        raise UserError(
            f"{submission.out} has {strange.pop()!r} in it, which SLURM cannot take in a log's path; rename it"
        )
    most = f"%{piece.at_once}" if piece.at_once else ""
    script = SCRIPT if settings.sbatch else SCRIPT.replace("#SBATCH {own}\n", "")
    in_container = bool(settings.container)
    command = shlex.join(submission.command("python") if in_container else submission.command())
    command = f"{settings.container} {command}" if in_container else command
    shard = f"$((SLURM_ARRAY_TASK_ID + {piece.offset}))" if piece.offset else "$SLURM_ARRAY_TASK_ID"
    return script.format(
        array=_ranges(piece.indexes) + most,
        jobs=submission.jobs,
        folder="" if in_container else f"cd {shlex.quote(str(here))} || exit\n",
        notice=NOTICE,
        own=settings.sbatch,
        worker=f'{command} --shard "{shard}/{submission.num_shards}"',
    )


def _ranges(numbers: tuple[int, ...]) -> str:
    """Write ascending numbers as SLURM does: 0-3,7."""
    ends = [number for number, after in pairwise(numbers) if after != number + 1] + [numbers[-1]]
    starts = [numbers[0]] + [after for number, after in pairwise(numbers) if after != number + 1]
    return ",".join(f"{a}" if a == b else f"{a}-{b}" for a, b in zip(starts, ends, strict=True))


def _submit(submission: Submission, settings: SlurmSettings, dry_run: bool, callbacks: EngineCallbacks) -> None:
    submit_to_slurm(submission, settings, callbacks.report, dry_run=dry_run)


SLURM = Engine("SLURM", SlurmSettings, waits=False, submit=_submit)
