"""Peak memory of a whole `extract run`, measured from outside its process. Linux only."""

import itertools
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd

from common.errors import UserError
from common.subprocesses import safe_path_option
from extract.machine import Machine
from manifests.manifest import Manifest, write_manifest
from manifests.recipes.extraction import Extract


def peak_memory(paths: list[Path], config: Extract, machine: Machine, clips: int) -> float:
    """Return the peak memory in MB of a whole `extract run` over `clips` clips.

    Frames, rows and the merge could grow with the number of clips. The network is small, so that many clips take little
    time.
    """
    folder = paths[0].parent
    splits = ["train" if index % 2 else "test" for index in range(clips)]
    columns = {
        "clip_id": [f"clip{index}" for index in range(clips)],
        "path": [path.name for path in itertools.islice(itertools.cycle(paths), clips)],
        "split": splits,
    }
    table = pd.DataFrame({**columns, "label": 0, "class_name": "any", "group": 0, "protocol": "bench"})
    manifest = folder / f"{clips}.csv"
    write_manifest(Manifest(table, ("any",)), manifest)
    options = {
        "--videos": folder,
        "--out": folder / f"{clips}.h5",
        "--backbone": "timm:resnet10t",
        "--weights": "random",
        "--image-size": 64,
        "--frames-per-segment": config.frames,
        "--workers": machine.workers,
        "--decoder": machine.decoder,
        "--device": machine.device,
        "--runtime": machine.runtime,
    }
    command = [sys.executable, *safe_path_option(), "-m", "extract", "run", str(manifest)]
    command += [str(word) for option in options.items() for word in option]
    output = folder / f"{clips}.log"
    with output.open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        peak = 0.0
        try:
            while process.poll() is None:
                peak = max(peak, _high_water_mark(process.pid))
                time.sleep(0.02)
        finally:
            process.terminate()  # it must not outlive this process
    if process.returncode:
        raise UserError(f"the run that memory is measured on failed: {output.read_text()}")
    return peak


def _high_water_mark(process: int) -> float:
    """Return the peak memory of a process so far in MB. `ru_maxrss` is not used: it starts with its parent's."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:  # the process has ended; the mark only rises, so the last reading counts
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0.0)
