"""A folder that belongs to one training: what decides its result is written first, anything else is refused.

One process writes at a time: it holds a lock of `common.locks`.
"""

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from filelock import Timeout

from common.errors import UserError
from common.files import remove_leftovers, write_text
from common.locks import locked


@contextlib.contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Make the folder, hold its lock, and remove what a killed process left half-written in it.

    Where the file system has no locks, nothing is held and nothing removed. Two trainings of one folder then do the
    same twice.

    Raises:
        UserError: another process trains there, or it cannot be written.
    """
    with contextlib.ExitStack() as stack:
        try:
            if stack.enter_context(locked(folder / ".lock")):
                remove_leftovers(folder)
        except Timeout as error:
            raise UserError(
                f"another process is training into {folder}; wait for it, or give another folder"
            ) from error
        except OSError as error:
            raise UserError(f"cannot write the run folder {folder}: {error.strerror or error}") from error
        yield


def claim(record: Path, decisive: Mapping[str, Any], remarks: Mapping[str, Any]) -> None:
    """Write down whose folder it is, or refuse it if it is another run's.

    Args:
        record: the JSON file in the folder that says so.
        decisive: must be the same for the run to go on.
        remarks: kept beside it, and never compared.

    Raises:
        UserError: the folder is another run's, or no run folder and not empty.
    """
    if record.exists():
        refuse_other(record, decisive)
    else:
        _refuse_strangers(record.parent)
        write_text(record, json.dumps({**decisive, **remarks}, indent=2) + "\n")


def folder_of(folder: Path, record: str, wanted: Mapping[str, Any]) -> Path:
    """Return where a run with these settings goes: a folder, or where that holds another run, one beside it.

    Args:
        folder: of the first run.
        record: the JSON file in it that says whose it is, in the part `settings`.
        wanted: some of the settings; the folder beside is named after them.
    """
    if not (folder / record).exists():
        return folder
    there = read_record(folder / record).get("settings", {})
    if all(there.get(key) == value for key, value in wanted.items()):
        return folder
    return folder.with_name(f"{folder.name}-{short_name(wanted)}")


def fingerprint(settings: Mapping[str, Any]) -> str:
    """Return the sha256 of settings, equal for equal ones."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def short_name(settings: Mapping[str, Any]) -> str:
    """Return eight letters that stand for settings, the same for equal ones."""
    return fingerprint(settings)[:8]


def refuse_other(record: Path, wanted: Mapping[str, Any]) -> None:
    """Refuse a folder whose record differs from `wanted` in one of its keys.

    Raises:
        UserError: naming what differs, with both values.
    """
    there = read_record(record)
    if differing := differences({key: there.get(key) for key in wanted}, wanted):
        hint = "give another folder, or remove it"
        if all(line.startswith("versions.") for line in differing):  # which only unfinished runs are compared by
            hint = (
                "it is not finished: give the same command where it was begun, and it goes on; or remove this one "
                "folder, which loses the epochs of its training and nothing else"
            )
        raise UserError(f"{record.parent} holds a run with other settings ({', '.join(differing)}); {hint}")


def read_record(path: Path) -> dict[str, Any]:
    """Read a JSON file of a run folder.

    Raises:
        UserError: it is not there, or not JSON.
    """
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {path}: {error}; is {path.parent} a run folder?") from error
    return content


def differences(there: Any, wanted: Any, prefix: str = "") -> list[str]:
    """Names of the values that differ, with both values, as in `training.momentum: 0.9 there, 0.8 wanted`."""
    if isinstance(there, Mapping) and isinstance(wanted, Mapping):
        keys = [*there, *(key for key in wanted if key not in there)]
        return [
            line
            for key in keys
            for line in differences(there.get(key), wanted.get(key), f"{prefix}.{key}" if prefix else key)
        ]
    return [] if there == wanted else [f"{prefix.removeprefix('settings.')}: {there} there, {wanted} wanted"]


def _refuse_strangers(folder: Path) -> None:
    strangers = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    if strangers:
        raise UserError(f"{folder} is no run folder and not empty ({strangers[0]} is in it); give another one")
