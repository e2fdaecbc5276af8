"""What is done of one shard: parts with their completion records, the failure ledger, signs of life, one lock.

`shards/K/` holds K.safetensors with K.json (what is done), failures.jsonl, heartbeat.json while somebody works, and
complete.json once nothing is missing. A part without its record does not exist, none is ever overwritten, and two
workers without a lock between them would only make the same bytes twice. Anything may be killed at any moment.
"""

import contextlib
import json
import os
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import Timeout

from common.errors import UserError
from common.files import atomic_write, remove_leftovers, sha256_of, write_text
from common.locks import locked
from common.tensor_bytes import tensor_bytes
from extract.cache import Row
from extract.decoding.pool import Failure
from extract.shards.sealed import sealed, unsealed
from extract.shards.source import Source

NOTHING: dict[str, Any] = {"clip_id": [], "num_frames": [], "source": [], "part_sha256": ""}
LOCK_SECONDS = 60.0  # how long to wait for a worker that is being ended: a scheduler kills it within less


class BusyError(UserError):
    """Another process holds the lock."""


@dataclass(frozen=True)
class LedgerRow:
    """One attempt that failed, as the ledger keeps it."""

    clip_id: str
    stage: str
    reason: str
    attempt: int


@dataclass(frozen=True, slots=True)  # there is one for every clip
class Where:
    """Where a finished clip's features are: in which row of which part; and how many frames its recording has."""

    part: Path
    row: int
    num_frames: int


class ShardFolder:
    """One shard's folder. Use as a context to write: it holds the shard's lock.

    Args:
        folder: `features.h5.run/shards/K`.
        patience: seconds to wait for the lock.

    Raises:
        BusyError: on entering, where another process is at work on the same shard.
        UserError: on entering, where the folder cannot be written.
    """

    def __init__(self, folder: Path, patience: float = 0.0) -> None:
        self.folder = folder
        self._patience = patience
        self._attempts: dict[str, int] | None = None  # of each clip in the ledger; read once, then kept

    def __enter__(self) -> "ShardFolder":
        self._lock = held(self.folder / "lock", f"at work on {self.folder}", self._patience)
        if self._lock.__enter__():
            done = {record.stem for record in self.records()}
            for part in self.folder.glob("[0-9]*.safetensors"):
                if part.stem not in done:  # begun by somebody who was killed
                    _remove(part)
        return self

    def __exit__(self, *exception: object) -> None:
        self._lock.__exit__(None, None, None)

    def write_part(self, rows: list[Row], sources: Mapping[str, Source] | None = None) -> None:
        """Write finished clips: the part first, its completion record after it.

        Args:
            rows: the clips.
            sources: each clip's file, to notice on resuming that it was replaced.
        """
        part = self._new_part()
        features = np.stack([row.features for row in rows])  # (k, N, D)
        with atomic_write(part) as temporary:
            temporary.write_bytes(tensor_bytes({"features": features}))
        record = {
            "clip_id": [row.clip_id for row in rows],
            "num_frames": [row.num_frames for row in rows],
            "source": [asdict(source) if (source := (sources or {}).get(row.clip_id)) else None for row in rows],
            "part_sha256": sha256_of(part),
        }
        write_text(part.with_suffix(".json"), sealed(record))

    def done(self) -> dict[str, Where]:
        """Return where each finished clip is."""
        where = {}
        for path in self.records():
            record, part = read_record(path), path.with_suffix(".safetensors")
            for row, (clip_id, frames) in enumerate(zip(record["clip_id"], record["num_frames"], strict=True)):
                where[clip_id] = Where(part, row, frames)
        return where

    def state(self, clip_ids: Iterable[str]) -> tuple[set[str], set[str]]:
        """Return which of some clips are done, and which of the others have failed."""
        wanted, done = set(clip_ids), self.done().keys()
        return wanted & done, wanted & self.failures(done).keys()

    def replaced(self, source: Callable[[str], Source | None]) -> list[str]:
        """Name the finished clips whose file is another one by now, as its path or its size tells.

        Args:
            source: a clip's file now; None where the clip is not asked for. A file that is gone does not matter.
        """
        found = []
        for record in map(read_record, self.records()):
            for clip_id, noted in zip(record["clip_id"], record["source"], strict=True):
                if noted is None or (now := source(clip_id)) is None:
                    continue
                made_of = Source(**noted)
                if now.path != made_of.path:
                    found.append(f"the features of {clip_id} are of {made_of.path}, and its path is {now.path}")
                elif None not in (now.size, made_of.size) and now.size != made_of.size:
                    sizes = f"has {now.size} bytes, and the features of {clip_id} are of {made_of.size}"
                    found.append(f"{now.path} {sizes}")
        return found

    def damaged_parts(self) -> list[Path]:
        """Return completion records that are damaged, or whose part is missing or not what was written."""
        return [
            path
            for path in self.records()
            if not (part := path.with_suffix(".safetensors")).exists()
            or sha256_of(part) != read_record(path)["part_sha256"]
        ]

    def drop_damaged_parts(self) -> int:
        """Forget damaged parts, so that their clips count as missing; return how many there were."""
        damaged = self.damaged_parts()
        for record in damaged:
            _remove(record)
            _remove(record.with_suffix(".safetensors"))
        return len(damaged)

    def add_failure(self, failure: Failure) -> None:
        """Append a failed attempt to the ledger, on disk before returning.

        Raises:
            UserError: the ledger cannot be written (full, read-only), with the system's reason.
        """
        if self._attempts is None:
            self._attempts = {}
            for row in self._ledger_rows():
                self._attempts[row.clip_id] = self._attempts.get(row.clip_id, 0) + 1
        attempt = self._attempts[failure.clip_id] = self._attempts.get(failure.clip_id, 0) + 1
        line = json.dumps(asdict(LedgerRow(failure.clip_id, failure.stage, failure.reason, attempt)))
        try:
            with self.ledger.open("ab") as ledger:
                torn = ledger.tell() and _last_byte(self.ledger) != b"\n"  # a kill in the middle of a line
                ledger.write(("\n" if torn else "").encode() + line.encode() + b"\n")
                ledger.flush()
                os.fsync(ledger.fileno())
        except OSError as error:
            raise UserError(f"cannot write {self.ledger}: {error.strerror or error}") from error

    def failures(self, done: Container[str]) -> dict[str, LedgerRow]:
        """Return the last failed attempt of every clip that is not among those done."""
        return {row.clip_id: row for row in self._ledger_rows() if row.clip_id not in done}

    def complete(self, clips_sha256: str, done: int, failed: int) -> None:
        """Note that nothing of these clips is missing."""
        record = {"clips_sha256": clips_sha256, "done": done, "failed": failed}
        if self.completion() != record:
            write_text(self._completion, json.dumps(record) + "\n")

    def completion(self) -> dict[str, Any]:
        """Return what `complete` noted, empty if it did not."""
        try:
            record: dict[str, Any] = json.loads(self._completion.read_bytes())
            return record if isinstance(record, dict) else {}
        except (OSError, ValueError):
            return {}

    def incomplete(self) -> None:
        """Take back what `complete` noted: something is missing again."""
        _remove(self._completion)

    @property
    def ledger(self) -> Path:
        """The failure ledger."""
        return self.folder / "failures.jsonl"

    @property
    def heartbeat(self) -> Path:
        """Where a worker leaves signs of life."""
        return self.folder / "heartbeat.json"

    @property
    def _completion(self) -> Path:
        return self.folder / "complete.json"

    def records(self) -> list[Path]:
        """Return the completion records."""
        return sorted(path for path in self.folder.glob("*.json") if path.stem.isdecimal())

    def _new_part(self) -> Path:
        """Claim a name that no part has and no other worker claims: numbers are taken by making the file."""
        number = 1 + max((int(path.stem) for path in self.folder.glob("[0-9]*.*")), default=0)
        while True:
            part = self.folder / f"{number:06d}.safetensors"
            try:
                with contextlib.suppress(FileExistsError):
                    part.touch(exist_ok=False)
                    return part
            except OSError as error:
                raise UserError(f"cannot write {part}: {error.strerror or error}") from error
            number += 1

    def _ledger_rows(self) -> Iterator[LedgerRow]:
        if self.ledger.exists():
            for line in self.ledger.read_bytes().splitlines():
                try:
                    yield LedgerRow(**json.loads(line))
                except (ValueError, TypeError):  # torn by a kill: that attempt is made again
                    continue


@contextlib.contextmanager
def held(lock: Path, doing: str, patience: float, files: Sequence[str] = ("*",)) -> Iterator[bool]:
    """Hold a lock file, and remove what killed writers left beside it.

    Where the file system has no locks, nothing is held and nothing removed. Two workers may then do the same twice;
    neither disturbs the other.

    Args:
        lock: the file.
        doing: what another process is doing that holds it.
        patience: seconds to wait for it.
        files: names beside it that nobody writes without it.

    Yields:
        Whether the lock is held.

    Raises:
        BusyError: another process holds it.
        UserError: its folder cannot be written.
    """
    with contextlib.ExitStack() as stack:
        try:
            alone = stack.enter_context(locked(lock, patience))
            for name in files if alone else ():
                remove_leftovers(lock.parent, name)
        except Timeout as error:
            raise BusyError(f"another process is {doing}; wait for it, or choose another output") from error
        except OSError as error:
            raise UserError(f"cannot write {lock.parent}: {error.strerror or error}") from error
        yield alone


def read_record(path: Path) -> dict[str, Any]:
    """Return a completion record; one that is damaged is a record of nothing, whose part cannot match it."""
    try:
        return unsealed(path.read_bytes())
    except (OSError, ValueError):
        return NOTHING


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"cannot write {path.parent}: {error.strerror or error}") from error


def _last_byte(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1)
