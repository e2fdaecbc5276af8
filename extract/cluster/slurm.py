"""An array job of SLURM, one task a shard: the batch script, and handing it in.

The script passes signals on, starts a killed worker again, and puts itself back into the queue when its time is up.
Preempted tasks and those of lost nodes SLURM requeues by itself. What a worker does is not known here.
"""

import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path

from common.errors import UserError
from common.files import write_text
from extract.cluster.work import Work

NOTICE = 120  # seconds before its time limit that a task is told
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
    """Shards that one array has: shard = offset + index; SLURM limits the index, not the shard."""

    offset: int
    indexes: tuple[int, ...]
    at_once: int | None


def submit_to_slurm(work: Work, sbatch: str, container: str, *, dry_run: bool) -> None:
    """Write the batch script and hand it to SLURM, as several arrays where one would be larger than SLURM allows.

    Args:
        work: what is to be done.
        sbatch: options of `sbatch` for every task, as one would type them.
        container: what starts a command in a container, as one would type it; "": there is none.
        dry_run: only write the script.

    Raises:
        UserError: there is no sbatch here, or it refuses the job.
    """
    commands = []
    pieces = cut(work, max_array_size())
    for number, piece in enumerate(pieces):
        script = work.jobs / (f"slurm-{number}.sh" if len(pieces) > 1 else "slurm.sh")
        write_text(script, slurm_script(work, piece, sbatch, container, Path.cwd()))
        commands.append(["sbatch", "--parsable", str(script)])
    typed = " && ".join(map(shlex.join, commands))
    if dry_run:
        written = (
            "is written; start it" if len(commands) == 1 else f"and {len(commands) - 1} more are written; start them"
        )
        print(f"{commands[0][-1]} {written} with: {typed}")
        return
    if shutil.which("sbatch") is None:
        raise UserError(f"there is no sbatch here; on a machine of the cluster run: {typed}")
    jobs: list[str] = []
    for command in commands:
        handed_in = subprocess.run(command, capture_output=True, text=True)
        if handed_in.returncode:
            before = f"; handed in before: {', '.join(jobs)}" if jobs else ""
            raise UserError(f"sbatch refuses {command[-1]}: {' '.join(handed_in.stderr.split())}{before}")
        jobs.append(handed_in.stdout.strip().split(";")[0])
    print(f"job {' and '.join(jobs)}: {len(work.shards)} of {work.of} shards; logs in {work.jobs}")
    watch = f"python -m extract status {shlex.quote(str(work.out))} --watch"
    print(f"how it goes: {watch}    end it: scancel {' '.join(jobs)}")
    print(f"The task that finishes last makes {work.out.name}; the same command hands in what is missing.")


def max_array_size() -> int | None:
    """Return SLURM's MaxArraySize, which every index of an array is less than; None: it cannot be asked here."""
    if shutil.which("scontrol") is None:
        return None
    try:
        asked = subprocess.run(["scontrol", "show", "config"], capture_output=True, text=True, timeout=CONFIG_SECONDS)
    except subprocess.TimeoutExpired:
        return None
    size = re.search(r"^MaxArraySize\s*=\s*(\d+)", asked.stdout, re.MULTILINE)
    return int(size[1]) if size else None


def cut(work: Work, size: int | None) -> list[Piece]:
    """Cut the shards into arrays whose indexes are less than `size`; None: there is no limit.

    Raises:
        UserError: SLURM takes no arrays, or fewer tasks are wanted at once than there are arrays.
    """
    if size == 0:
        raise UserError("this SLURM takes no job arrays (MaxArraySize = 0); start `extract run --shard I/N` by sbatch")
    size = size or work.of
    groups = [(number * size, tuple(shards)) for number, shards in groupby(work.shards, lambda shard: shard // size)]
    if work.at_once is not None and work.at_once < len(groups):
        raise UserError(
            f"the shards make {len(groups)} arrays, for an array has {size} tasks at most here (MaxArraySize), and "
            f"each runs one task at least: give --at-once {len(groups)} or more, or plan with at most {size} shards"
        )
    shares = [None] * len(groups) if work.at_once is None else _shares(work.at_once, len(groups))
    return [
        Piece(offset, tuple(shard - offset for shard in shards), share)
        for (offset, shards), share in zip(groups, shares, strict=True)
    ]


def _shares(total: int, parts: int) -> list[int | None]:
    return [total // parts + (part < total % parts) for part in range(parts)]


def slurm_script(work: Work, piece: Piece, sbatch: str, container: str, here: Path) -> str:
    """Return the batch script of an array job.

    Args:
        work: what is to be done.
        piece: the array's part of it.
        sbatch: as in `submit_to_slurm`.
        container: likewise.
        here: the folder that workers without a container run in.

    Raises:
        UserError: SLURM cannot write logs to such a path.
    """
    if strange := set('%"\\\n') & set(str(work.jobs)):
        raise UserError(f"{work.out} has {strange.pop()!r} in it, which SLURM cannot take in a log's path; rename it")
    most = f"%{piece.at_once}" if piece.at_once else ""
    script = SCRIPT if sbatch else SCRIPT.replace("#SBATCH {own}\n", "")
    command = f"{container} {shlex.join(work.command('python'))}" if container else shlex.join(work.command())
    shard = f"$((SLURM_ARRAY_TASK_ID + {piece.offset}))" if piece.offset else "$SLURM_ARRAY_TASK_ID"
    return script.format(
        array=_ranges(piece.indexes) + most,
        jobs=work.jobs,
        folder="" if container else f"cd {shlex.quote(str(here))} || exit\n",
        notice=NOTICE,
        own=sbatch,
        worker=f'{command} --shard "{shard}/{work.of}"',
    )


def _ranges(numbers: tuple[int, ...]) -> str:
    """Write ascending numbers as SLURM does: 0-3,7."""
    ends = [number for number, after in pairwise(numbers) if after != number + 1] + [numbers[-1]]
    starts = [numbers[0]] + [after for number, after in pairwise(numbers) if after != number + 1]
    return ",".join(f"{a}" if a == b else f"{a}-{b}" for a, b in zip(starts, ends, strict=True))
