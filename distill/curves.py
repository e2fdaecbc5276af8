"""Training curves: `metrics.csv`, one row an epoch, and TensorBoard events.

The CSV is rewritten whole from the history, so it never holds half a line or an epoch twice.
Nothing reads these files back: a resumed training has its history in its state.
"""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from common.files import write_text
from distill.training_state import EpochResult


def write_metrics(path: Path, history: Sequence[EpochResult]) -> None:
    """Write the curves as CSV, each number with all its digits."""
    rows = [_scalars(epoch) for epoch in history]
    lines = [",".join(["epoch", *rows[0]])]
    lines += [",".join(map(repr, [epoch.epoch, *row.values()])) for epoch, row in zip(history, rows, strict=True)]
    write_text(path, "".join(f"{line}\n" for line in lines))


class TensorBoard:
    """Event files of one run; on a resumed one, epochs after its state are purged and come again."""

    def __init__(self, folder: Path, epochs_done: int) -> None:
        from torch.utils.tensorboard import SummaryWriter  # late: importing it takes seconds

        self._writer = SummaryWriter(str(folder), purge_step=epochs_done + 1)

    def add(self, epoch: EpochResult) -> None:
        """Add the point of one epoch to every curve."""
        for name, value in _scalars(epoch).items():
            self._writer.add_scalar(name, value, epoch.epoch)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()


def _scalars(epoch: EpochResult) -> dict[str, float]:
    """All curves at one epoch, by column name."""
    num_steps = len(epoch.validation_accuracy)
    return {
        "train_loss": epoch.loss,
        **{f"train_{name}": value for name, value in epoch.terms.items()},
        "validation_loss": epoch.validation_loss,
        "validation_auc": epoch.validation_auc,
    } | {
        f"validation_accuracy_{100 * step / num_steps:g}": accuracy
        for step, accuracy in enumerate(epoch.validation_accuracy, start=1)
    }
