"""The folder beside a cache, `features.h5.run/`: plan, clips, settings, and a folder for each shard. It is read here.

`begin_run` writes the plan and the settings, `shard_folder` the files of a shard, and `merge` makes the cache.
"""

import contextlib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from common.callbacks import ProgressCallback, no_progress
from common.errors import UserError
from common.files import sha256_of
from extract.shards.checked_json import load_checked
from extract.shards.cleaned_record import part_name, read_cleaned
from extract.shards.clip_lists import (
    SHARD_INDEX,
    SHARD_ROWS,
    PlannedIds,
    ShardList,
    read_planned_clips,
    read_shard_lists,
    read_shard_rows,
    shard_sha256,
)
from extract.shards.folder_lock import LOCK_SECONDS, hold_lock
from extract.shards.ledger import LedgerRow
from extract.shards.run_plan import RunPlan, read_run_plan
from extract.shards.shard_folder import RowPlace, ShardFolder, read_part_record


class RunFolder:
    """What is planned, done and missing of one cache.

    Args:
        cache: path of the HDF5 file to make; the folder is `<cache>.run` beside it.

    Attributes:
        plan_file: `plan.json`.
        clips_file: `clips.csv`, the planned clips.
        settings_file: `settings.json`, everything that decides a value.
    """

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self.folder = cache.with_name(cache.name + ".run")
        self.plan_file = self.folder / "plan.json"
        self.clips_file = self.folder / "clips.csv"
        self.settings_file = self.folder / "settings.json"

    @property
    def is_planned(self) -> bool:
        """Tell whether a run was begun here."""
        return self.plan_file.exists()

    @property
    def has_planned_clips(self) -> bool:
        """Tell whether the list of clips is the plan's. A process that was killed between the two leaves another."""
        return self.clips_file.exists() and sha256_of(self.clips_file) == read_run_plan(self.plan_file).clips_sha256

    @property
    def has_settings(self) -> bool:
        """Tell whether the settings that decide the values are written down."""
        return self.settings_file.exists()

    @cached_property
    def plan(self) -> RunPlan:
        """The plan.

        Raises:
            UserError: nothing was begun.
        """
        if not self.is_planned:
            raise UserError(f"no extraction of {self.cache} was begun; `python -m extract plan` or `run` begins one")
        return read_run_plan(self.plan_file)

    @cached_property
    def clips(self) -> pd.DataFrame:
        """All clips, one row each, in the manifest's order. What needs one shard alone reads `clips_of`."""
        return read_planned_clips(self.clips_file, self.plan.clips_sha256)

    def clip_ids(self) -> PlannedIds:
        """Return the ids of all clips, in the manifest's order. They are read in pieces."""
        count = sum(own.clips for own in self.shard_lists)
        return PlannedIds(self.clips_file, self.plan.clips_sha256, count)

    def paths(self) -> Iterator[str]:
        """Yield the paths of all clips, shard by shard."""
        for number in range(self.plan.shards):
            yield from self.clips_of(number)["path"].tolist()

    def clips_of(self, shard: int) -> pd.DataFrame:
        """Return the clips of one shard, in the manifest's order. The other shards' clips are not read."""
        own = None if self._lists is None else read_shard_rows(self.folder, self._lists[shard])
        return self.clips[self.clips["shard"] == shard] if own is None else own

    @cached_property
    def shard_lists(self) -> tuple[ShardList, ...]:
        """The number of clips of each shard, and their fingerprint."""
        if self._lists is not None:
            return self._lists
        rows = self.clips.groupby("shard").indices
        own = (self.clips.iloc[rows.get(number, [])] for number in range(self.plan.shards))
        return tuple(ShardList(clips=len(clips), fingerprint=shard_sha256(clips)) for clips in own)

    @cached_property
    def _lists(self) -> tuple[ShardList, ...] | None:
        return read_shard_lists(self.folder, self.plan.clips_sha256)

    def settings(self) -> dict[str, Any]:
        """Return the settings that the run was begun with."""
        try:
            return load_checked(self.settings_file.read_bytes())
        except FileNotFoundError as error:
            raise UserError(f"no extraction of {self.cache} was begun; `python -m extract run` begins one") from error
        except ValueError as error:
            raise UserError(
                f"{self.settings_file} is damaged; remove {self.folder} and {self.cache}, run again"
            ) from error

    def reread(self) -> None:
        """Read plan and clips again when they are next needed: another process may have planned more."""
        for read in ("plan", "clips", "shard_lists", "_lists", "_cleaned"):
            self.__dict__.pop(read, None)

    def is_cleaned(self, record: Path) -> bool:
        """Tell whether `clean` has removed the part of a completion record, and its features are in the cache."""
        sha256 = read_part_record(record)["part_sha256"]
        return bool(sha256) and self._cleaned.get(part_name(record)) == sha256

    @cached_property
    def _cleaned(self) -> dict[str, str]:
        return read_cleaned(self.folder, self.cache)  # this reads the whole cache if something was removed

    def lock(self) -> contextlib.AbstractContextManager[bool]:
        """Return a context that holds the lock of the plan, the clips and the settings."""
        names = [path.name for path in (self.plan_file, self.clips_file, self.settings_file)]
        names += [SHARD_ROWS, SHARD_INDEX]
        return hold_lock(self.folder / "lock", f"beginning {self.cache}", LOCK_SECONDS, names)

    def shard(self, number: int, patience: float = 0.0) -> ShardFolder:
        """Return the folder of a shard; `patience` is the number of seconds to wait for its lock."""
        if not 0 <= number < self.plan.shards:
            raise UserError(
                f"no shard {number}: {self.cache} was planned with {self.plan.shards}, 0 to {self.plan.shards - 1}"
            )
        return ShardFolder(self.folder / "shards" / f"{number:05d}", patience, self.is_cleaned)

    def shards(self) -> list[ShardFolder]:
        """Return the folders of all shards."""
        return [self.shard(number) for number in range(self.plan.shards)]

    def is_finished(self, clips: pd.DataFrame) -> bool:
        """Tell whether every one of these clips is done or has failed, and no part is damaged."""
        shards = [(self.shard(int(str(number))), own["clip_id"]) for number, own in clips.groupby("shard")]
        return all(sum(map(len, shard.state(own))) == len(own) for shard, own in shards) and not any(
            shard.damaged_parts() for shard, _ in shards
        )

    def unfinished(self) -> list[int]:
        """Return the shards that have missing clips, by their completion records."""
        return [
            number
            for number, own in enumerate(self.shard_lists)
            if own.clips and self.shard(number).completion().get("clips_sha256") != own.fingerprint
        ]

    def damaged_parts(self, progress: ProgressCallback = no_progress) -> list[Path]:
        """Return the completion records of all shards that are damaged, or whose part is.

        Args:
            progress: called with the number of shards that are read and of all shards.
        """
        damaged: list[Path] = []
        for number, shard in enumerate(self.shards(), 1):
            damaged += shard.damaged_parts()
            progress(number, self.plan.shards)
        return damaged

    def done(self) -> dict[str, RowPlace]:
        """Return where the features of each finished clip are."""
        return {clip_id: place for shard in self.shards() for clip_id, place in shard.done().items()}

    def failures(self) -> dict[str, LedgerRow]:
        """Return the last failed attempt of every planned clip that is not done."""
        return {clip_id: row for number in range(self.plan.shards) for clip_id, row in self.failures_of(number).items()}

    def failures_of(self, number: int) -> dict[str, LedgerRow]:
        """Return the last failed attempt of every planned clip of a shard that is not done."""
        shard = self.shard(number)
        attempts = shard.failures(())
        if not attempts:  # as in most shards, whose parts need not be read
            return {}
        _, failed = shard.state(self.clips_of(number)["clip_id"])
        return {clip_id: row for clip_id, row in attempts.items() if clip_id in failed}
