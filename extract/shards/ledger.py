"""The failure ledger of a shard, `failures.jsonl`: one line for every failed attempt at a clip, with the reason."""

import json
import os
from collections.abc import Container, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from common.errors import UserError
from common.files import write_text
from extract.decoding.decode_process import Failure


@dataclass(frozen=True)
class LedgerRow:
    """One attempt that failed, as the ledger keeps it."""

    clip_id: str
    stage: str
    reason: str
    attempt: int


class FailureLedger:
    """The ledger of one shard. Only the holder of the shard's lock appends to it.

    Args:
        path: `failures.jsonl`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._attempts: dict[str, int] | None = None  # by clip; read once, then kept

    def append(self, failure: Failure) -> None:
        """Append a failed attempt. It is on disk when the function returns.

        Raises:
            UserError: the ledger cannot be written (full, read-only), with the system's reason.
        """
        if self._attempts is None:
            self._attempts = {}
            for row in self._rows():
                self._attempts[row.clip_id] = self._attempts.get(row.clip_id, 0) + 1
        attempt = self._attempts[failure.clip_id] = self._attempts.get(failure.clip_id, 0) + 1
        line = json.dumps(asdict(LedgerRow(failure.clip_id, failure.stage, failure.reason, attempt)))
        try:
            with self.path.open("ab") as ledger:
                torn = ledger.tell() and _last_byte(self.path) != b"\n"  # a process was killed while it wrote a line
                ledger.write(("\n" if torn else "").encode() + line.encode() + b"\n")
                ledger.flush()
                os.fsync(ledger.fileno())
        except OSError as error:
            raise UserError(f"cannot write {self.path}: {error.strerror or error}") from error

    def remove(self, clip_ids: Container[str]) -> None:
        """Remove every attempt at some clips.

        Raises:
            UserError: the ledger cannot be written.
        """
        kept = [row for row in self._rows() if row.clip_id not in clip_ids]
        write_text(self.path, "".join(json.dumps(asdict(row)) + "\n" for row in kept))
        self._attempts = None

    def failures(self, done: Container[str]) -> dict[str, LedgerRow]:
        """Return the last failed attempt of every clip that is not done."""
        return {row.clip_id: row for row in self._rows() if row.clip_id not in done}

    def _rows(self) -> Iterator[LedgerRow]:
        if self.path.exists():
            for line in self.path.read_bytes().splitlines():
                try:
                    yield LedgerRow(**json.loads(line))
                except (ValueError, TypeError):  # torn by a kill: that attempt is made again
                    continue


def _last_byte(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1)
