"""An array job of SLURM, one task a shard: the batch script, and handing it in.

The script passes signals on, starts a killed worker again, and puts itself back into the queue when its time is up.
Preempted tasks and those of lost nodes SLURM requeues by itself. What a worker does is not known here.
"""

import shlex
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

from extract.cluster.work import Work
from manifests.errors import UserError
from manifests.files import write_text

NOTICE = 120  # seconds before its time limit that a task is told
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


def submit_to_slurm(work: Work, sbatch: str, container: str, *, dry_run: bool) -> None:
    """Write the array job's batch script and hand it to SLURM.

    Args:
        work: what is to be done.
        sbatch: options of `sbatch` for every task, as one would type them.
        container: what starts a command in a container, as one would type it; "": there is none.
        dry_run: only write the script.

    Raises:
        UserError: there is no sbatch here, or it refuses the job.
    """
    script = work.jobs / "slurm.sh"
    write_text(script, slurm_script(work, sbatch, container, Path.cwd()))
    command = ["sbatch", "--parsable", str(script)]
    if dry_run:
        print(f"{script} is written; start it with: {shlex.join(command)}")
        return
    if shutil.which("sbatch") is None:
        raise UserError(f"there is no sbatch here; on a machine of the cluster run: {shlex.join(command)}")
    handed_in = subprocess.run(command, capture_output=True, text=True)
    if handed_in.returncode:
        raise UserError(f"sbatch refuses {script}: {' '.join(handed_in.stderr.split())}")
    job = handed_in.stdout.strip().split(";")[0]
    print(f"job {job}: {len(work.shards)} of {work.of} shards; logs in {work.jobs}")
    print(f"how it goes: python -m extract status {shlex.quote(str(work.out))} --watch    end it: scancel {job}")
    print(f"The task that finishes last makes {work.out.name}; the same command hands in what is missing.")


def slurm_script(work: Work, sbatch: str, container: str, here: Path) -> str:
    """Return the batch script of an array job.

    Args:
        work: what is to be done.
        sbatch: as in `submit_to_slurm`.
        container: likewise.
        here: the folder that workers without a container run in.

    Raises:
        UserError: SLURM cannot write logs to such a path.
    """
    if strange := set('%"\\\n') & set(str(work.jobs)):
        raise UserError(f"{work.out} has {strange.pop()!r} in it, which SLURM cannot take in a log's path; rename it")
    most = f"%{work.at_once}" if work.at_once else ""
    script = SCRIPT if sbatch else SCRIPT.replace("#SBATCH {own}\n", "")
    command = f"{container} {shlex.join(work.command('python'))}" if container else shlex.join(work.command())
    return script.format(
        array=_ranges(work.shards) + most,
        jobs=work.jobs,
        folder="" if container else f"cd {shlex.quote(str(here))} || exit\n",
        notice=NOTICE,
        own=sbatch,
        worker=f'{command} --shard "$SLURM_ARRAY_TASK_ID/{work.of}"',
    )


def _ranges(numbers: tuple[int, ...]) -> str:
    """Write ascending numbers as SLURM does: 0-3,7."""
    ends = [number for number, after in pairwise(numbers) if after != number + 1] + [numbers[-1]]
    starts = [numbers[0]] + [after for number, after in pairwise(numbers) if after != number + 1]
    return ",".join(f"{a}" if a == b else f"{a}-{b}" for a, b in zip(starts, ends, strict=True))
