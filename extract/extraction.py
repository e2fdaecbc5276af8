"""The config objects of a run: what to extract (`Extraction`), what one process does of it (`RunControl`).

`Machine`, which an extraction refers to, is in `extract.machine`. The functions that take them are in `extract.run`
and `extract.planning`.
"""

import threading
from dataclasses import dataclass, field, replace
from pathlib import Path

from common.callbacks import Notify, ProgressCallback, no_notice, no_progress
from extract.machine import Machine
from manifests.recipes.extraction import Extract


@dataclass(frozen=True)
class Extraction:
    """A feature cache to make.

    Attributes:
        clips: a manifest, or another list of clips; see `extract.sources.listing.list_clips`.
        videos: the folder, the URL or the tar archives that the paths of the clips are relative to. None: what
            `list_clips` chooses for this kind of list.
        cache: the HDF5 file to make.
        config: what decides the features.
        machine: what they are made with.
        num_shards: number of pieces that the run is cut into.
    """

    clips: str | Path
    videos: str | Path | None
    cache: Path
    config: Extract
    machine: Machine = field(default_factory=Machine)
    num_shards: int = 1


@dataclass(frozen=True)
class RunControl:
    """What one process does of a run, and the callbacks it calls.

    Attributes:
        shard: work on this shard alone; None: on all of them, one after the other.
        retry: take the clips that failed before, instead of those never tried.
        stop: once it is set, the current clip is finished, everything is kept, and `Stopped` is raised.
        progress: called after every clip.
        notify: called with a sentence where clips were added or removed since the run was begun.
    """

    shard: int | None = None
    retry: bool = False
    stop: threading.Event | None = None
    progress: ProgressCallback = no_progress
    notify: Notify = no_notice


@dataclass(frozen=True)
class MachineChanges:
    """The settings of a machine that a worker may change. None: as planned."""

    device: str | None = None
    workers: int | None = None
    deadline: float | None = None

    def apply(self, machine: Machine) -> Machine:
        """Return a machine with the changes."""
        return replace(
            machine,
            device=self.device or machine.device,
            workers=self.workers or machine.workers,
            deadline=self.deadline or machine.deadline,
        )
