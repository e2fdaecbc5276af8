"""What is done of one shard: parts with their completion records, the failure ledger, a heartbeat, one lock.

`shards/K/` holds the parts P.safetensors with P.json (which clips they hold), failures.jsonl, heartbeat.json while a
worker runs, and complete.json once no clip is missing. A part without its record does not count, and no part is ever
overwritten. So a process may be killed at any moment, and two workers without a lock make the same bytes twice.
"""

import contextlib
import json
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import UserError
from common.files import atomic_write, sha256_of, write_text
from common.tensor_bytes import tensor_bytes
from extract.cache_rows import Row
from extract.decoding.decode_process import Failure
from extract.shards.checked_json import dump_checked, load_checked
from extract.shards.clip_file import ClipFile
from extract.shards.folder_lock import hold_lock
from extract.shards.ledger import FailureLedger, LedgerRow

NOTHING: dict[str, Any] = {"clip_id": [], "num_frames": [], "source": [], "part_sha256": ""}


@dataclass(frozen=True, slots=True)  # there is one for every clip
class RowPlace:
    """Where a finished clip's features are, and how many frames its recording has.

    `num_segments` is how many segments it has, if segments last a fixed time.
    """

    part: Path
    row: int
    num_frames: int
    num_segments: int = 0


class ShardFolder:
    """One shard's folder. To write, use it as a context: it then holds the shard's lock.

    Args:
        folder: `features.h5.run/shards/K`.
        patience: seconds to wait for the lock.
        is_cleaned: tells of a completion record whether its part was removed because the cache has its features.

    Raises:
        BusyError: on entering, where another process works on the same shard.
        UserError: on entering, where the folder cannot be written.
    """

    def __init__(
        self, folder: Path, patience: float = 0.0, is_cleaned: Callable[[Path], bool] = lambda record: False
    ) -> None:
        self.folder = folder
        self.ledger = FailureLedger(folder / "failures.jsonl")
        self._patience, self._is_cleaned = patience, is_cleaned

    def __enter__(self) -> "ShardFolder":
        self._lock = hold_lock(self.folder / "lock", f"at work on {self.folder}", self._patience)
        if self._lock.__enter__():
            done = {record.stem for record in self.records()}
            for part in self.folder.glob("[0-9]*.safetensors"):
                if part.stem not in done:  # its writer was killed
                    _remove(part)
        return self

    def __exit__(self, *exception: object) -> None:
        self._lock.__exit__(None, None, None)

    def write_part(self, rows: list[Row], files: Mapping[str, ClipFile] | None = None) -> None:
        """Write finished clips: the part first, then its completion record.

        Args:
            rows: the clips.
            files: each clip's file, to notice later that it was replaced.
        """
        part = self._new_part()
        features = np.stack([row.features for row in rows])  # (k, N, D)
        with atomic_write(part) as temporary:
            temporary.write_bytes(tensor_bytes({"features": features}))
        record = {
            "clip_id": [row.clip_id for row in rows],
            "num_frames": [row.num_frames for row in rows],
            **({} if None in (counts := [row.num_segments for row in rows]) else {"num_segments": counts}),
            "source": [asdict(file) if (file := (files or {}).get(row.clip_id)) else None for row in rows],
            "part_sha256": sha256_of(part),
        }
        write_text(part.with_suffix(".json"), dump_checked(record))

    def done(self) -> dict[str, RowPlace]:
        """Return where the features of each finished clip are."""
        places = {}
        for path in self.records():
            record, part = read_part_record(path), path.with_suffix(".safetensors")
            counts = record.get("num_segments") or [0] * len(record["clip_id"])
            columns = zip(record["clip_id"], record["num_frames"], counts, strict=True)
            for row, (clip_id, frames, count) in enumerate(columns):
                places[clip_id] = RowPlace(part, row, frames, count)
        return places

    def state(self, clip_ids: Iterable[str]) -> tuple[set[str], set[str]]:
        """Return which of some clips are done, and which of the others have failed."""
        wanted, done = set(clip_ids), self.done().keys()
        return wanted & done, wanted & self.failures(done).keys()

    def replaced(self, current_file: Callable[[str], ClipFile | None]) -> list[str]:
        """Return a sentence for each finished clip whose file has another path or size now.

        Args:
            current_file: returns a clip's file as it is now; None: the clip is not asked for. A missing file does not
                matter.
        """
        found = []
        for record in map(read_part_record, self.records()):
            for clip_id, noted in zip(record["clip_id"], record["source"], strict=True):
                if noted is None or (now := current_file(clip_id)) is None:
                    continue
                before = ClipFile(**noted)
                if now.path != before.path:
                    found.append(f"the features of {clip_id} are of {before.path}, and its path is {now.path}")
                elif None not in (now.size, before.size) and now.size != before.size:
                    sizes = f"has {now.size} bytes, and the features of {clip_id} are of {before.size}"
                    found.append(f"{now.path} {sizes}")
        return found

    def damaged_parts(self) -> list[Path]:
        """Return the completion records that are damaged, or whose part is missing or damaged."""
        return [path for path in self.records() if not self._is_whole(path)]

    def _is_whole(self, record: Path) -> bool:
        part = record.with_suffix(".safetensors")
        if not part.exists():
            return self._is_cleaned(record)
        return bool(sha256_of(part) == read_part_record(record)["part_sha256"])

    def drop_damaged_parts(self) -> int:
        """Remove damaged parts, so that their clips count as missing; return how many there were."""
        damaged = self.damaged_parts()
        for record in damaged:
            _remove(record)
            _remove(record.with_suffix(".safetensors"))
        return len(damaged)

    def add_failure(self, failure: Failure) -> None:
        """Append a failed attempt to the ledger.

        Raises:
            UserError: the ledger cannot be written.
        """
        self.ledger.append(failure)

    def forget_failures(self, clip_ids: Container[str]) -> None:
        """Remove the failed attempts at some clips, which are missing then. The shard's lock is held.

        Raises:
            UserError: the ledger cannot be written.
        """
        self.incomplete()
        self.ledger.remove(clip_ids)

    def failures(self, done: Container[str]) -> dict[str, LedgerRow]:
        """Return the last failed attempt of every clip that is not done."""
        return self.ledger.failures(done)

    def complete(self, clips_sha256: str, done: int, failed: int) -> None:
        """Write the record that none of these clips is missing."""
        record = {"clips_sha256": clips_sha256, "done": done, "failed": failed}
        if self.completion() != record:
            write_text(self._completion, json.dumps(record) + "\n")

    def completion(self) -> dict[str, Any]:
        """Return the record that `complete` wrote, empty if there is none."""
        try:
            record: dict[str, Any] = json.loads(self._completion.read_bytes())
            return record if isinstance(record, dict) else {}
        except (OSError, ValueError):
            return {}

    def incomplete(self) -> None:
        """Remove the record that `complete` wrote: a clip is missing again."""
        _remove(self._completion)

    @property
    def heartbeat(self) -> Path:
        """The file that a living worker writes again and again."""
        return self.folder / "heartbeat.json"

    @property
    def _completion(self) -> Path:
        return self.folder / "complete.json"

    def records(self) -> list[Path]:
        """Return the completion records of the parts."""
        return sorted(path for path in self.folder.glob("*.json") if path.stem.isdecimal())

    def _new_part(self) -> Path:
        """Create an empty file whose number no part has. Two workers cannot create the same file."""
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


def read_part_record(path: Path) -> dict[str, Any]:
    """Return a part's completion record; for a damaged one, an empty record that no part matches."""
    try:
        return load_checked(path.read_bytes())
    except (OSError, ValueError):
        return NOTHING


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"cannot write {path.parent}: {error.strerror or error}") from error
