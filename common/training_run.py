"""The run folder of a training: its files, its curves, its state on a timer, and its completion.

    metrics.csv, tensorboard/     the curves
    resume.safetensors            the state from which a killed training resumes
    weights.safetensors           the weights of the selected epoch
    done.json                     written last: the training is finished

A training also writes what determines its result (`common.run_record`) and holds a lock while it writes.
"""

import csv
import importlib.metadata
import io
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from common.errors import UserError
from common.files import sha256_of, write_text
from common.run_record import read_record

METRICS, TENSORBOARD, RESUME = "metrics.csv", "tensorboard", "resume.safetensors"
WEIGHTS, DONE = "weights.safetensors", "done.json"

Row = Mapping[str, float]  # the numbers of one epoch by name; the first is `epoch`
S = TypeVar("S")


def versions(device_type: str) -> dict[str, str]:
    """Return what an unfinished training must have in common with the process that resumes it.

    Args:
        device_type: cpu or cuda.
    """
    import torch  # late: it takes seconds

    return {
        "early-recognition": importlib.metadata.version("early-recognition"),
        "torch": str(torch.__version__),
        "device": device_type,
    }


def write_metrics(path: Path, rows: Sequence[Row]) -> None:
    """Write the curves as CSV, one row an epoch, with all digits.

    The file is written whole each time, so it never has half a line or an epoch twice.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


class Curves:
    """The curves of one run folder. A resumed training writes the epochs after its state again.

    Args:
        folder: the run folder.
        epochs_done: epochs of the state from which the training resumes.
    """

    def __init__(self, folder: Path, epochs_done: int) -> None:
        from torch.utils.tensorboard import SummaryWriter  # late: importing it takes seconds

        self._folder = folder
        self._writer = SummaryWriter(str(folder / TENSORBOARD), purge_step=epochs_done + 1)

    def add(self, rows: Sequence[Row]) -> None:
        """Write the rows of all epochs, of which the last is new."""
        write_metrics(self._folder / METRICS, rows)
        for name, value in rows[-1].items():
            if name != "epoch":
                self._writer.add_scalar(name, value, int(rows[-1]["epoch"]))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()


class StateSaver(Generic[S]):
    """Saves the state of a training now and then. Epochs since the last save are trained again after a kill.

    Args:
        save: writes a state.
        seconds: between two saves.
        when_interrupted: also save the last state when an exception ends the training. The tensors of a state must
            then not change after they are given to `add`.
    """

    def __init__(self, save: Callable[[S], None], seconds: float, when_interrupted: bool = False) -> None:
        self._save, self._seconds, self._when_interrupted = save, seconds, when_interrupted
        self._unsaved: S | None = None
        self._saved_at = time.monotonic()

    def add(self, state: S) -> None:
        """Take the state after an epoch, and save it if it is time."""
        self._unsaved = state
        if time.monotonic() - self._saved_at >= self._seconds:
            self._write()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and self._when_interrupted and self._unsaved is not None:
            self._write()

    def _write(self) -> None:
        assert self._unsaved is not None
        self._save(self._unsaved)
        self._unsaved, self._saved_at = None, time.monotonic()


def write_completion(folder: Path, record: Mapping[str, Any]) -> None:
    """Write the completion record of a run whose weights are written."""
    write_text(folder / DONE, json.dumps({**record, "weights_sha256": sha256_of(folder / WEIGHTS)}, indent=2) + "\n")


def read_completion(folder: Path) -> dict[str, Any]:
    """Return the completion record of a finished run.

    Raises:
        UserError: the run is not finished, or its weights are not the file that the training wrote.
    """
    if not (folder / DONE).exists():
        raise UserError(f"{folder} holds no finished run; run its training again, it resumes where it stopped")
    record = read_record(folder / DONE)
    if not (folder / WEIGHTS).exists() or sha256_of(folder / WEIGHTS) != record["weights_sha256"]:
        raise UserError(f"{folder / WEIGHTS} is not the file that the training wrote; remove {folder} and train again")
    return record
