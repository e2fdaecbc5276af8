"""The record of a run folder: the settings that its result depends on. Other settings are refused.

One process writes at a time. It holds a lock of `common.locks`.
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
    """Make the folder, hold its lock, and remove the temporary files of a killed process.

    On a file system without locks, no lock is held and no file is removed. Two trainings of one folder then do the
    same work twice.

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
    """Write the record of a new run folder, or compare the record that is there.

    Args:
        record: the JSON file.
        decisive: the settings that must be equal for the run to resume.
        remarks: written to the record, and never compared.

    Raises:
        UserError: the folder has another run, or other files.
    """
    if record.exists():
        refuse_other(record, decisive)
    else:
        _refuse_strangers(record.parent)
        write_text(record, json.dumps({**decisive, **remarks}, indent=2) + "\n")


def folder_of(folder: Path, record: str, wanted: Mapping[str, Any]) -> Path:
    """Return the folder for a run with these settings: `folder`, or a folder beside it if that has another run.

    Args:
        folder: the folder of the first run.
        record: the name of the JSON file in it, which has the key `settings`.
        wanted: some of the settings; the name of the folder beside is made from them.
    """
    if not (folder / record).exists():
        return folder
    there = read_record(folder / record).get("settings", {})
    if all(there.get(key) == value for key, value in wanted.items()):
        return folder
    return folder.with_name(f"{folder.name}-{short_name(wanted)}")


def fingerprint(settings: Mapping[str, Any]) -> str:
    """Return the sha256 of settings."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def short_name(settings: Mapping[str, Any]) -> str:
    """Return the first eight letters of the fingerprint of settings, for the name of a folder."""
    return fingerprint(settings)[:8]


def refuse_other(record: Path, wanted: Mapping[str, Any]) -> None:
    """Refuse a folder whose record differs from `wanted` in one of the keys of `wanted`.

    Raises:
        UserError: with every difference and both values.
    """
    there = read_record(record)
    if differing := differences({key: there.get(key) for key in wanted}, wanted):
        hint = "give another folder, or remove it"
        if all(line.startswith("versions.") for line in differing):  # of a finished run, versions are not compared
            hint = (
                "it is not finished: run the same command on the machine where it began, and it resumes; or remove "
                "this folder, which loses only the epochs of this training"
            )
        raise UserError(f"{record.parent} holds a run with other settings ({', '.join(differing)}); {hint}")


def read_record(path: Path) -> dict[str, Any]:
    """Read a JSON file of a run folder.

    Raises:
        UserError: it is missing, or not JSON.
    """
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {path}: {error}; is {path.parent} a run folder?") from error
    return content


def differences(there: Any, wanted: Any, prefix: str = "") -> list[str]:
    """Return the values that differ, as in `training.momentum: 0.9 there, 0.8 wanted`."""
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
