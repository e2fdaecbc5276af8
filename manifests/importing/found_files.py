"""The files below a folder: those that can be clips, and the others with the reason why they are left out.

Nothing is decoded: a file is a clip by its suffix, and it must not be empty. A damaged clip is found when it is read.
"""

import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from common.errors import UserError
from common.files import refuse_no_folder
from manifests.file_kinds import suffix_of

HIDDEN = "hidden"
NO_CLIP = "not a video or skeleton file"
EMPTY = "empty"
UNREADABLE = "unreadable"
NO_FILE = "neither a file nor a folder"
UNPRINTABLE = "a name with a character that cannot be printed"
LINK_OUT = "a link out of the folder (copy the file)"
LINK_IN = "a second link to a clip, or a link to a clip that is in the folder itself"
LINK_BROKEN = "a link to nothing or to itself"
LINK_FOLDER = "a link to a folder (copy the folder)"

JOINT_LIST = "joints.toml"  # names the joints of skeleton files; no clip, and rightly there
LeftOut = dict[str, list[str]]  # reason → paths


@dataclass
class FoundFiles:
    """What is below a folder.

    Attributes:
        clips: the paths of the clips relative to the folder, with "/", sorted.
        folders: the paths of all folders, in the same form.
        left_out: by reason, the other files as they are printed.
    """

    clips: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    left_out: LeftOut = field(default_factory=lambda: defaultdict(list))


def find_files(folder: Path) -> FoundFiles:
    """Return what is below a folder, at any depth. A link to a file is followed only if it stays in the folder.

    Raises:
        UserError: the folder does not exist, or the name of a folder below it cannot be printed.
    """
    refuse_no_folder(folder)
    root = os.path.realpath(folder)
    found = FoundFiles()
    links: list[tuple[str, str]] = []  # the path of each link that may be a clip, and its target
    for path, entry in _entries(root, found):
        if entry.name == JOINT_LIST:
            continue
        if entry.is_symlink():
            _look_at_link(root, path, entry, found, links)
        elif reason := why_no_clip(Path(entry.path)):
            found.left_out[reason].append(shown(path))
        else:
            found.clips.append(path)
    targets = {f"{root}{os.sep}{path}" for path in found.clips}
    for path, target in sorted(links):
        if target in targets:
            found.left_out[LINK_IN].append(path)
        else:
            found.clips.append(path)
            targets.add(target)
    found.clips.sort()
    found.folders.sort()
    found.left_out = {reason: sorted(paths) for reason, paths in sorted(found.left_out.items())}
    return found


def why_no_clip(path: Path) -> str:
    """Return the reason why a file, which is no link, is no clip; empty: it is one. A folder of frames may be one."""
    if path.name.startswith("."):
        return HIDDEN
    if not path.name.isprintable():
        return UNPRINTABLE
    try:
        mode, size = path.stat().st_mode, path.stat().st_size
        if S_ISDIR(mode):
            return "" if any(path.iterdir()) else EMPTY
    except OSError:
        return UNREADABLE
    if not S_ISREG(mode):
        return NO_FILE
    if not suffix_of(path.name):
        return NO_CLIP
    if not size:
        return EMPTY
    return "" if os.access(path, os.R_OK) else UNREADABLE


def shown(path: str) -> str:
    """Return a path as it is printed, with escapes for what cannot be printed."""
    return path if path.isprintable() else ascii(path)


def _entries(root: str, found: FoundFiles) -> Iterator[tuple[str, "os.DirEntry[str]"]]:
    """Yield every file and link below a folder with its relative path, and note the folders."""
    waiting = [""]
    while waiting:
        below = waiting.pop()
        try:
            with os.scandir(f"{root}/{below}") as opened:
                entries = list(opened)
        except OSError:
            found.left_out[UNREADABLE].append(f"{below or '.'}/")
            continue
        for entry in entries:
            path = f"{below}/{entry.name}".removeprefix("/")
            if not entry.is_dir(follow_symlinks=False):
                yield path, entry
            elif entry.name.startswith("."):
                found.left_out[HIDDEN].append(f"{shown(path)}/")
            elif not entry.name.isprintable():
                raise UserError(
                    f"the folder {shown(path)} has a character that cannot be printed in its name; rename it"
                )
            else:
                found.folders.append(path)
                waiting.append(path)


def _look_at_link(
    root: str, path: str, entry: "os.DirEntry[str]", found: FoundFiles, links: list[tuple[str, str]]
) -> None:
    target = os.path.realpath(entry.path)
    if os.path.isdir(target):  # noqa: PTH112 - `entry` and pathlib raise an error for a link to itself
        reason = LINK_FOLDER
    elif not os.path.exists(target):  # noqa: PTH110
        reason = LINK_BROKEN
    elif not target.startswith(f"{root}{os.sep}"):
        reason = LINK_OUT
    else:
        reason = why_no_clip(Path(entry.path))
    if reason:
        found.left_out[reason].append(shown(path))
    else:
        links.append((path, target))
