"""Hold out training clips for validation where a data set has no subjects: whole sources, drawn once for everybody.

A source is what clips were cut from, such as a film. The draw depends on the lists alone, and not on which files are in
a folder. So a subset has the same validation clips, and a protocol keeps its name: published results count training and
validation clips together.
"""

from collections.abc import Collection, Sequence

from common.errors import UserError
from manifests.importing.division import divide

SHARE = 0.1  # of the training clips


def hold_out_sources(
    protocol: str,
    classes: Sequence[str],
    sources: Sequence[str],
    splits: Sequence[str],
    chosen: Collection[int] | None,
) -> list[str]:
    """Return the splits with a tenth of the training clips as validation clips, in each class as far as possible.

    Args:
        protocol: its name, for the error.
        classes: the class of each clip.
        sources: the source of each clip.
        splits: "train" or "test".
        chosen: the user's choice; None: the draw. An empty choice holds out nothing.

    Raises:
        UserError: numbers were chosen, and sources have none; or there are too few sources.
    """
    if chosen:
        raise UserError(f"{protocol} holds out sources, which have no numbers; leave the hold-out out")
    held = list(splits)
    rows = [row for row, split in enumerate(splits) if split == "train"]
    if chosen is not None or not rows:
        return held
    shares = {"train": 1 - SHARE, "validation": SHARE}
    drawn = divide([classes[row] for row in rows], [sources[row] for row in rows], shares, seed=0)
    for row, split in zip(rows, drawn, strict=True):
        held[row] = split
    return held
