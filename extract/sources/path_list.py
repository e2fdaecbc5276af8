"""A text file with the path of a clip in each line: its lines, its comments, and the folder of the paths."""

import itertools
import os
from pathlib import Path, PurePosixPath

from common.errors import UserError
from common.files import inside
from extract.sources.archives import are_archives
from extract.sources.location import is_url, reading, relative_to


def read_lines(file: Path, name: str) -> list[tuple[int, str]]:
    """Return the lines of a list that are not empty, with their numbers."""
    with reading(name):
        lines = file.read_text(encoding="utf-8-sig").split("\n")
    return [(number, line) for number, line in enumerate(map(str.strip, lines), start=1) if line]


def read_paths(lines: list[tuple[int, str]], name: str, root: str) -> list[str]:
    """Return the paths in the lines of a list, relative to the root.

    Args:
        lines: as `read_lines` returns them.
        name: of the list, for error messages.
        root: a folder, a URL or archives.

    Raises:
        UserError: a path leads out of the root; the message has its line.
    """
    folder, paths = Path(root), []
    for number, line in lines:
        if _is_comment(line, root):
            continue
        try:
            path = relative_to(root, line) if _is_absolute(line) else line
            inside(folder, path)
        except UserError as error:
            raise UserError(f"{name}, line {number}: {error}") from error
        paths.append(str(PurePosixPath(path)))
    return paths


def _is_comment(line: str, root: str) -> bool:
    """Tell whether a line is a comment. Some files of HMDB51 have names that begin with #."""
    # os.path is used because pathlib raises an error where the line is longer than a name may be.
    return line.startswith("#") and (is_url(root) or are_archives(root) or not os.path.exists(f"{root}/{line}"))  # noqa: PTH110


def common_root(lines: list[tuple[int, str]], name: str) -> str:
    """Return the folder that absolute paths have in common, or the beginning that URLs have in common.

    Raises:
        UserError: a path is relative, or the URLs have nothing in common.
    """
    paths = [line for _, line in lines if not line.startswith("#")]
    if not paths or not all(map(_is_absolute, paths)):
        raise UserError(needs_videos(name))
    if not any(map(is_url, paths)):
        return os.path.commonpath([os.path.dirname(path) for path in paths])  # noqa: PTH120
    folders = [path.rpartition("/")[0].split("/") for path in paths]
    common = [
        parts[0] for parts in itertools.takewhile(lambda parts: len(set(parts)) == 1, zip(*folders, strict=False))
    ]
    if len(common) < 3:  # the parts of s3://bucket
        raise UserError(f"the paths in {name} have no beginning in common; give lists that have one")
    return "/".join(common)


def needs_videos(name: str) -> str:
    """Return the error message for relative paths without their folder."""
    return f"the paths in {name} are relative to a folder: give it (--videos)"


def _is_absolute(line: str) -> bool:
    return line.startswith("/") or is_url(line)
