"""The workshop beside a cache: parts, their completion records, the failure ledger, the settings, one lock.

`features.h5.run/` holds settings.json and clips.txt (what is to be done), parts/K.safetensors with K.json (what
is done), and failures.jsonl. A part without its record does not exist. Anything may be killed at any moment.
"""

import glob
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray
from safetensors.numpy import load_file, save

from extract.cache import Row, write_cache
from extract.pool import Failure
from manifests.errors import UserError
from manifests.files import atomic_write, remove_leftovers, sha256_of, write_text

NOTHING: dict[str, Any] = {"clip_id": [], "num_frames": [], "source_bytes": [], "sha256": ""}


@dataclass(frozen=True)
class LedgerRow:
    """One attempt that failed, as the ledger keeps it."""

    clip_id: str
    stage: str
    reason: str
    attempt: int


class PartsFolder:
    """What is done, what failed and what is missing of one cache. Use as a context: it holds the only lock.

    Args:
        cache: path of the HDF5 file to be; the folder is `<cache>.run` beside it.

    Raises:
        UserError: on entering, where another process is at work on the same cache or the folder cannot be written.
    """

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self.folder = cache.with_name(cache.name + ".run")
        self._lock = FileLock(self.folder / "lock")

    def __enter__(self) -> "PartsFolder":
        if self.cache.is_dir():
            raise UserError(f"{self.cache} is a folder; give the file to write, as in {self.cache / 'features.h5'}")
        try:
            (self.folder / "parts").mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
            remove_leftovers(self.folder)
            remove_leftovers(self.folder / "parts")
            remove_leftovers(self.cache.parent, glob.escape(self.cache.name))
        except Timeout as error:
            raise UserError(
                f"another process is writing {self.cache}; wait for it, or choose another output"
            ) from error
        except OSError as error:
            raise UserError(f"cannot write {self.folder}: {error.strerror or error}") from error
        return self

    def __exit__(self, *exception: object) -> None:
        self._lock.release()

    def start(self, settings: dict[str, Any], clip_ids: list[str]) -> None:
        """Begin, or go on with, the run that `settings` and `clip_ids` describe.

        Raises:
            UserError: the folder belongs to other settings or other clips; the differing keys are named.
        """
        if not self._settings.exists():
            if self.cache.exists():
                raise UserError(
                    f"{self.cache} is there, and {self.folder}, which says how it was made, is not; "
                    "choose another output, or remove the file"
                )
            write_text(self.folder / "clips.txt", "".join(f"{clip_id}\n" for clip_id in clip_ids))
            write_text(self._settings, json.dumps(settings, sort_keys=True, indent=1) + "\n")
        old = self.settings()
        keys = sorted(key for key in old.keys() | settings.keys() if old.get(key) != settings.get(key))
        if keys:
            changes = "; ".join(f"{key}: {old.get(key)!r} there, {settings.get(key)!r} now" for key in keys)
            raise UserError(
                f"{self.cache} was begun with other settings ({changes}); choose another output,"
                f" or remove {self.folder} and {self.cache}"
            )

    def settings(self) -> dict[str, Any]:
        """Return the settings the run was begun with."""
        try:
            settings: dict[str, Any] = json.loads(self._settings.read_bytes())
        except FileNotFoundError as error:
            raise UserError(f"no extraction of {self.cache} was begun; `python -m extract run` begins one") from error
        except ValueError as error:
            raise UserError(f"{self._settings} is damaged; remove {self.folder} and {self.cache}, run again") from error
        return settings

    def clip_ids(self) -> list[str]:
        """Return all clips of the run, in the manifest's order."""
        return (self.folder / "clips.txt").read_bytes().decode().split("\n")[:-1]

    def write_part(self, rows: list[Row], sources: Mapping[str, int] | None = None) -> None:
        """Write finished clips: the part first, its completion record after it.

        Args:
            rows: the clips.
            sources: bytes of each clip's video, to notice on resuming that it was replaced.
        """
        number = 1 + max((int(record.stem) for record in self._records()), default=0)
        part = self.folder / "parts" / f"{number:06d}.safetensors"
        features = np.stack([row.features for row in rows])  # (k, N, D)
        with atomic_write(part) as temporary:
            temporary.write_bytes(save({"features": features}))
        record = {
            "clip_id": [row.clip_id for row in rows],
            "num_frames": [row.num_frames for row in rows],
            "source_bytes": [(sources or {}).get(row.clip_id) for row in rows],
            "sha256": sha256_of(part),
        }
        write_text(part.with_suffix(".json"), json.dumps(record) + "\n")

    def done(self) -> dict[str, tuple[Path, int, int]]:
        """Return where each finished clip is: its part, its row there, its number of frames."""
        where = {}
        for record_path in self._records():
            record = _read_record(record_path)
            for row, (clip_id, frames) in enumerate(zip(record["clip_id"], record["num_frames"], strict=True)):
                where[clip_id] = (record_path.with_suffix(".safetensors"), row, frames)
        return where

    def refuse_replaced(self, videos: Mapping[str, Path]) -> None:
        """Refuse to go on where a finished clip's video is another file by now, as its size tells.

        Args:
            videos: where each clip's video is; one that is gone does not matter any more.

        Raises:
            UserError: naming the first such clip.
        """
        for record in map(_read_record, self._records()):
            for clip_id, size in zip(record["clip_id"], record["source_bytes"], strict=True):
                path = videos.get(clip_id)
                if size is not None and path is not None and path.is_file() and path.stat().st_size != size:
                    raise UserError(
                        f"{path} has {path.stat().st_size} bytes, and the features of {clip_id} were made of a video "
                        f"of {size}: it was replaced, or --videos is another folder; choose another output, or "
                        f"remove {self.folder} and {self.cache}"
                    )

    def damaged_parts(self) -> list[Path]:
        """Return completion records whose part is missing or not what was written."""
        return [
            record
            for record in self._records()
            if not (part := record.with_suffix(".safetensors")).exists()
            or sha256_of(part) != _read_record(record)["sha256"]
        ]

    def drop_damaged_parts(self) -> int:
        """Forget damaged parts, so that their clips count as missing; return how many there were."""
        damaged = self.damaged_parts()
        for record in damaged:
            record.unlink()
            record.with_suffix(".safetensors").unlink(missing_ok=True)
        return len(damaged)

    def add_failure(self, failure: Failure) -> None:
        """Append a failed attempt to the ledger, on disk before returning.

        Raises:
            UserError: the ledger cannot be written (full, read-only), with the system's reason.
        """
        attempt = 1 + sum(row.clip_id == failure.clip_id for row in self._ledger_rows())
        line = json.dumps(asdict(LedgerRow(failure.clip_id, failure.stage, failure.reason, attempt)))
        try:
            with self._ledger.open("ab") as ledger:
                torn = ledger.tell() and self._ledger.read_bytes()[-1:] != b"\n"  # a kill in the middle of a line
                ledger.write(("\n" if torn else "").encode() + line.encode() + b"\n")
                ledger.flush()
                os.fsync(ledger.fileno())
        except OSError as error:
            raise UserError(f"cannot write {self._ledger}: {error.strerror or error}") from error

    def failures(self) -> dict[str, LedgerRow]:
        """Return the last failed attempt of every clip that is not done by now."""
        done = self.done()
        return {row.clip_id: row for row in self._ledger_rows() if row.clip_id not in done}

    def merge(self) -> dict[str, LedgerRow]:
        """Make the cache of the parts: all clips in the manifest's order, failed ones with valid = False.

        The same parts' content gives the same bytes, however it was cut into parts.

        Returns:
            The failed clips.

        Raises:
            UserError: nothing was begun, clips are missing, parts are damaged, or nothing succeeded.
        """
        settings = self.settings()
        if damaged := self.damaged_parts():
            raise UserError(
                f"{len(damaged)} parts in {self.folder} are damaged; `python -m extract run` makes them again"
            )
        done, failures, clip_ids = self.done(), self.failures(), self.clip_ids()
        missing = [clip_id for clip_id in clip_ids if clip_id not in done and clip_id not in failures]
        if missing:
            raise UserError(f"{len(missing)} clips are not extracted yet (first: {missing[0]}); run again to go on")
        if not done:
            raise UserError(f"every one of the {len(clip_ids)} clips failed; see {self._ledger}")
        load = lru_cache(maxsize=8)(_load_part)  # neighbours in the manifest are neighbours in the parts
        shape = load(next(iter(done.values()))[0]).shape[1:]

        def rows() -> Iterator[Row]:
            nothing = np.zeros(shape, np.float32)
            for clip_id in clip_ids:
                if clip_id in done:
                    part, row, num_frames = done[clip_id]
                    yield Row(clip_id, load(part)[row], num_frames, True)
                else:
                    yield Row(clip_id, nothing, 0, False)

        write_cache(self.cache, rows(), clip_ids, shape, settings)
        write_text(self._merged, json.dumps({"clips_done": len(done), "sha256": sha256_of(self.cache)}) + "\n")
        return failures

    def merged(self) -> bool:
        """Tell whether the cache is there and holds everything that is done."""
        try:
            record = json.loads(self._merged.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return False
        return self.cache.exists() and record["clips_done"] == len(self.done())

    def _records(self) -> list[Path]:
        return sorted((self.folder / "parts").glob("*.json"))

    def _ledger_rows(self) -> Iterator[LedgerRow]:
        if self._ledger.exists():
            for line in self._ledger.read_bytes().splitlines():
                try:
                    yield LedgerRow(**json.loads(line))
                except ValueError:  # torn by a kill: that attempt is made again
                    continue

    @property
    def _settings(self) -> Path:
        return self.folder / "settings.json"

    @property
    def _merged(self) -> Path:
        return self.folder / "merged.json"

    @property
    def _ledger(self) -> Path:
        return self.folder / "failures.jsonl"


def _read_record(path: Path) -> dict[str, Any]:
    """Return a completion record; one that is damaged is a record of nothing, whose part cannot match it."""
    try:
        record: dict[str, Any] = json.loads(path.read_bytes())
        return record if record.keys() >= NOTHING.keys() else NOTHING
    except (ValueError, AttributeError):
        return NOTHING


def _load_part(part: Path) -> NDArray[np.float32]:
    return load_file(part)["features"]
