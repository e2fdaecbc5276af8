"""Find and read `joints.toml`, the joint list of a set of skeletons, and say which settings of a cache it decides."""

import os
import tomllib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from stat import S_ISREG
from typing import Any

from pydantic import Field, model_validator

from common.config import Config, parse_config
from common.errors import UserError
from common.files import inside
from extract.skeletons.joint_list import FILE_NAME, JointList, Unit, nearest
from extract.sources.location import filesystem, is_url, join, reading

GENERAL_SUFFIXES = (".npy", ".csv")  # of the files whose joints a list names
MAX_BYTES = 64 << 10  # of a joint list
MAX_JOINTS = 1000


class _File(Config):
    """The content of `joints.toml`, see `JointList`; here the centre is a name."""

    names: list[str] = Field(min_length=2, max_length=MAX_JOINTS)
    centre: str
    unit: Unit = "m"
    zeros_mean_unseen: bool = True

    @model_validator(mode="after")
    def _names_are_distinct(self) -> "_File":
        for name in self.names:
            if name != name.strip() or not name or not name.isprintable():
                raise ValueError(f"the joint's name {name!r} is empty, or has a space or a control character at an end")
            if name.isdecimal():
                raise ValueError(f"the joint's name {name!r} is a number, which means a position; give it a word")
            if self.names.count(name) > 1:
                raise ValueError(f"two joints have the name {name!r}")
        if self.centre not in self.names:
            raise ValueError(f"centre {self.centre!r} is not one of names; {nearest(self.centre, tuple(self.names))}")
        return self


def find_joint_list(root: str, paths: Iterable[str]) -> JointList | None:
    """Return the joint list of a set of skeletons; None: it has none, or no file of it is in a general format.

    In a local folder, the list is searched for from each file's folder upward to the root, never above it. Behind a
    URL, and for archives, only the root is searched.

    Args:
        root: the folder or the URL that paths are relative to.
        paths: of the files, or the names of members of archives.

    Raises:
        UserError: the list is not valid, or files of the set have different lists.
    """
    first: dict[str, str] = {}  # a file in a general format of each folder
    for path in paths:
        if path.lower().endswith(GENERAL_SUFFIXES):
            first.setdefault(path.rpartition("/")[0], path)
    if not first:
        return None
    if is_url(root):
        return _parse(content, join(root, FILE_NAME)) if (content := _download(root)) is not None else None
    places = {path: _nearest_list(Path(root), path) for path in first.values()}
    example, found = next(iter(places.items()))
    if other := next((path for path, place in places.items() if place != found), None):
        there = places[other] or "missing"
        raise UserError(
            f"the joint list of {example} is {found or 'missing'}, and that of {other} is {there}; "
            f"a set of skeletons has one list: keep one {FILE_NAME} in the folder of all of them"
        )
    return None if found is None else read_joint_list(found)


def joint_list_of_file(path: str) -> JointList | None:
    """Return the joint list of one skeleton file; None: it has none, or the file is in no general format.

    It is the one in the file's folder, or else in the nearest folder above it. Of a URL only the folder is searched.

    Args:
        path: a local path or a URL.

    Raises:
        UserError: the list is not valid.
    """
    if is_url(path):
        folder, _, name = path.rpartition("/")
        return find_joint_list(folder, [name])
    whole = Path(path).absolute()
    return find_joint_list(whole.anchor, [os.path.relpath(os.path.normpath(whole), whole.anchor)])


def read_joint_list(path: Path) -> JointList:
    """Read a joint list.

    Raises:
        UserError: the file does not exist, is no TOML, has unknown keys, or its names do not fit.
    """
    try:
        status = path.stat()
        if not S_ISREG(status.st_mode):
            raise UserError(f"{path} is not a file; the joint list is a text in TOML")
        content = path.read_bytes() if status.st_size <= MAX_BYTES else b" " * (MAX_BYTES + 1)
    except OSError as error:
        raise UserError(f"the joint list {path} cannot be read: {error.strerror}") from error
    return _parse(content, str(path))


def joint_settings(joint_list: JointList | None) -> dict[str, Any]:
    """Return what of a joint list decides values of features, fit for JSON; {} if there is none."""
    if joint_list is None:
        return {}
    return {
        "joints": list(joint_list.names),
        "centre": joint_list.names[joint_list.centre],
        "unit": joint_list.unit,
        "zeros_mean_unseen": joint_list.zeros_mean_unseen,
    }


def _nearest_list(root: Path, path: str) -> Path | None:
    """Return the joint list in the folder of a file, or else in the nearest folder above it, up to the root."""
    inside(root, path)  # refuses a path that leads out of the root
    places = (root / folder / FILE_NAME for folder in PurePosixPath(path).parents)
    # A link that leads nowhere counts, so that it is refused and not ignored; pathlib raises where a name is too long.
    return next((place for place in places if os.path.lexists(place)), None)


def _download(root: str) -> bytes | None:
    """Return the joint list behind a URL; None: there is none."""
    place = join(root, FILE_NAME)
    with reading(place):
        files, path = filesystem(place)
        try:
            content: bytes = files.cat_file(path)
        except FileNotFoundError:
            return None
    return content


def _parse(content: bytes, place: str) -> JointList:
    if len(content) > MAX_BYTES:
        raise UserError(f"{place} is larger than {MAX_BYTES >> 10} KiB: not a joint list")
    try:
        table = tomllib.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:  # also of the decoder
        example = 'names = ["hip", "spine", "head"] and centre = "spine"'
        raise UserError(f"{place} is not TOML ({error}); a joint list has lines like {example}") from error
    file = parse_config(_File, table, place)
    return JointList(tuple(file.names), file.names.index(file.centre), file.unit, file.zeros_mean_unseen)
