"""The folder beside a cache, `features.h5.run/`: the plan, the settings, and a folder for each shard.

What is in a shard's folder is in `shard_folder`, how the cache is made of the parts in `merge`.
"""

import contextlib
from collections.abc import Container, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from common.errors import UserError, first_few
from common.files import sha256_of, write_text
from extract.shards.clip_changes import ClipChanges, compare_clips
from extract.shards.plan import (
    Plan,
    clips_sha256,
    clips_text,
    read_clips,
    read_plan,
    refuse_other_recipe,
    shard_sha256,
)
from extract.shards.sealed import sealed, unsealed
from extract.shards.settings import refuse_other_settings
from extract.shards.shard_folder import LOCK_SECONDS, LedgerRow, ShardFolder, Where, held


class RunFolder:
    """What is planned, done and missing of one cache.

    Args:
        cache: path of the HDF5 file to be; the folder is `<cache>.run` beside it.
    """

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self.folder = cache.with_name(cache.name + ".run")

    def begin(self, plan: Plan, clips: pd.DataFrame, settings: Mapping[str, Any] | None = None) -> ClipChanges:
        """Begin the run that is planned, or find that it is begun already.

        Clips may be added and removed. What is done of a clip that is removed stays in the folder.

        Args:
            plan: the run.
            clips: its clips with their shards.
            settings: what would decide a value here, as for `claim`; None: no network is at hand that knows.

        Returns:
            Which clips were added or removed since it was begun.

        Raises:
            UserError: the folder belongs to other settings, a clip has another path, or it cannot be written.
        """
        changes = ClipChanges()
        if self.cache.is_dir():
            raise UserError(f"{self.cache} is a folder; give the file to write, as in {self.cache / 'features.h5'}")
        if self.cache.exists() and not self._plan.exists() and not self._settings.exists():
            raise UserError(
                f"{self.cache} is there, and {self.folder}, which says how it was made, is not; "
                "choose another output, or remove the file"
            )
        with self._beginning():
            there = read_plan(self._plan) if self._plan.exists() else None
            if settings is not None and self._settings.exists():
                refuse_other_settings(self.settings(), settings, self.cache)
            if there is not None:
                if there.shards != plan.shards:
                    raise UserError(
                        f"{self.cache} was planned with {there.shards} shards, not {plan.shards}; "
                        f"`python -m extract run --out {self.cache}` goes on as planned; else choose another output"
                    )
                if settings is None or not self._settings.exists():
                    refuse_other_recipe(there, plan, self.cache)
                plan, clips = self.keep_shards(plan, clips)
                changes = self.changes(plan, clips)
            if not self._clips.exists() or sha256_of(self._clips) != plan.clips_sha256:
                write_text(self._clips, clips_text(clips))
            if there != plan:
                write_text(self._plan, sealed(plan.model_dump(mode="json"), indent=1))
        self.forget()
        return changes

    def sweep(self) -> None:
        """Remove what killed workers left half-written beside the plan.

        Raises:
            BusyError: another process is planning.
        """
        with self._beginning():
            pass

    def forget(self) -> None:
        """Read the plan and the clips anew when they are next needed: somebody may have planned more."""
        self.__dict__.pop("plan", None)
        self.__dict__.pop("clips", None)

    def claim(self, settings: Mapping[str, Any]) -> None:
        """Write down what decides a value, or refuse to mix other values in.

        Args:
            settings: all but the fingerprint of the clips, which may grow.

        Raises:
            UserError: the run was begun with other settings; the differing keys are named.
        """
        if not self._settings.exists():
            with self._beginning():
                if not self._settings.exists():  # still
                    write_text(self._settings, sealed(settings, indent=1))
        refuse_other_settings(self.settings(), settings, self.cache)

    @property
    def is_planned(self) -> bool:
        """Tell whether a run was begun here."""
        return self._plan.exists()

    @property
    def has_planned_clips(self) -> bool:
        """Tell whether the list of clips is the plan's: a kill between the writing of the two leaves another one."""
        return self._clips.exists() and sha256_of(self._clips) == read_plan(self._plan).clips_sha256

    @property
    def is_claimed(self) -> bool:
        """Tell whether it is written down what decides the values."""
        return self._settings.exists()

    @cached_property
    def plan(self) -> Plan:
        """The plan.

        Raises:
            UserError: nothing was begun.
        """
        if not self._plan.exists():
            raise UserError(f"no extraction of {self.cache} was begun; `python -m extract plan` or `run` begins one")
        return read_plan(self._plan)

    @cached_property
    def clips(self) -> pd.DataFrame:
        """The clips, one row each, in the manifest's order."""
        return read_clips(self._clips, self.plan.clips_sha256)

    def settings(self) -> dict[str, Any]:
        """Return the settings that the run was begun with."""
        try:
            return unsealed(self._settings.read_bytes())
        except FileNotFoundError as error:
            raise UserError(f"no extraction of {self.cache} was begun; `python -m extract run` begins one") from error
        except ValueError as error:
            raise UserError(f"{self._settings} is damaged; remove {self.folder} and {self.cache}, run again") from error

    def keep_shards(self, plan: Plan, clips: pd.DataFrame) -> tuple[Plan, pd.DataFrame]:
        """Leave every clip in the shard where it is planned or done already."""
        if not self.is_planned:
            return plan, clips
        try:
            there = pd.read_csv(self._clips, dtype={"clip_id": "str", "shard": "int64"}, keep_default_na=False)
            there = there[there["shard"].isin(range(plan.shards))]
            before = dict(zip(there["clip_id"].tolist(), there["shard"].tolist(), strict=True))
        except (OSError, ValueError, KeyError):  # damaged: it is about to be written anew
            return plan, clips
        if not before.keys() >= set(clips["clip_id"]):  # some may have been removed and be back
            done = {clip: int(where.part.parent.name) for clip, where in self.done().items()}
            before = {clip: shard for clip, shard in done.items() if shard < plan.shards} | before
        rows = zip(clips["clip_id"].tolist(), clips["shard"].tolist(), strict=True)
        kept = clips.assign(shard=[before.get(clip, shard) for clip, shard in rows])
        return plan.model_copy(update={"clips_sha256": clips_sha256(kept)}), kept

    def changes(self, plan: Plan, clips: pd.DataFrame) -> ClipChanges:
        """Return which clips were added or removed since the run was begun.

        Raises:
            UserError: some have another path, so their features are those of other files.
        """
        if not self.is_planned or (there := read_plan(self._plan)).clips_sha256 == plan.clips_sha256:
            return ClipChanges()
        if not self.has_planned_clips:  # damaged, or killed between the two files: it is written anew
            return ClipChanges()
        changes = compare_clips(read_clips(self._clips, there.clips_sha256), clips)
        if changes.changed:
            places = [f"{clip}: {before} there, {now} now" for clip, before, now in changes.changed]
            raise UserError(
                f"{self.cache} was begun with other files of {len(places)} clips ({first_few(places)}); give them as "
                "they were, or choose another output, and what is there stays as it is"
            )
        return changes

    def is_finished(self, clips: pd.DataFrame) -> bool:
        """Tell whether every one of these clips is done or has failed, and every part is whole."""
        shards = [(self.shard(int(str(number))), own["clip_id"]) for number, own in clips.groupby("shard")]
        return all(sum(map(len, shard.state(own))) == len(own) for shard, own in shards) and not any(
            shard.damaged_parts() for shard, _ in shards
        )

    def shard(self, number: int, patience: float = 0.0) -> ShardFolder:
        """Return the folder of a shard; `patience` is how many seconds to wait for its lock."""
        if not 0 <= number < self.plan.shards:
            raise UserError(
                f"no shard {number}: {self.cache} was planned with {self.plan.shards}, 0 to {self.plan.shards - 1}"
            )
        return ShardFolder(self.folder / "shards" / f"{number:05d}", patience)

    def shards(self) -> list[ShardFolder]:
        """Return the folders of all shards."""
        return [self.shard(number) for number in range(self.plan.shards)]

    def unfinished(self) -> list[int]:
        """Return the shards that something is missing of, by their completion records."""
        return [
            number
            for number, clips in enumerate(self._clips_by_shard())
            if len(clips) and self.shard(number).completion().get("clips_sha256") != shard_sha256(clips)
        ]

    def damaged_parts(self) -> list[Path]:
        """Return the completion records of all shards that are damaged, or whose part is."""
        return [record for shard in self.shards() for record in shard.damaged_parts()]

    def done(self) -> dict[str, Where]:
        """Return where each finished clip is."""
        return {clip_id: where for shard in self.shards() for clip_id, where in shard.done().items()}

    def failures(self, done: Container[str] | None = None) -> dict[str, LedgerRow]:
        """Return the last failed attempt of every clip that is planned and not among those done (None: look)."""
        done, planned = self.done() if done is None else done, set(self.clips["clip_id"])
        rows = {clip_id: row for shard in self.shards() for clip_id, row in shard.failures(done).items()}
        return {clip_id: row for clip_id, row in rows.items() if clip_id in planned}

    def missing(self) -> list[str]:
        """Return the clips that are neither done nor failed."""
        done = self.done()
        failures = self.failures(done)
        return [clip for clip in self.clips["clip_id"].tolist() if clip not in done and clip not in failures]

    def _clips_by_shard(self) -> list[pd.DataFrame]:
        groups = self.clips.groupby("shard").indices
        return [self.clips.iloc[groups.get(number, [])] for number in range(self.plan.shards)]

    def _beginning(self) -> contextlib.AbstractContextManager[bool]:
        names = [path.name for path in (self._plan, self._clips, self._settings)]
        return held(self.folder / "lock", f"beginning {self.cache}", LOCK_SECONDS, names)

    @property
    def _plan(self) -> Path:
        return self.folder / "plan.json"

    @property
    def _clips(self) -> Path:
        return self.folder / "clips.csv"

    @property
    def _settings(self) -> Path:
        return self.folder / "settings.json"
