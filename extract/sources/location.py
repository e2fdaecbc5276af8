"""Where a file is: a local path, or a URL of any kind that fsspec reads; and how either is joined to its root.

The packages for s3://, gs:// and http:// are optional extras.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from common.errors import UserError
from common.files import inside

EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs", "http": "http", "https": "http"}  # by protocol


def is_url(place: str) -> bool:
    """Tell whether a place is a URL, and not a local path."""
    return "://" in place


def join(root: str, relative: str) -> str:
    """Return the place of a file whose path is relative to a folder or to the beginning of a URL.

    Raises:
        UserError: the path leads out of the root.
    """
    path = inside(Path(root), relative)
    if not is_url(root):
        return str(path)
    # Over HTTP a name is quoted: `a#1?.mp4` would be cut at the #.
    return f"{root}/{quote(relative) if root.startswith('http') else relative}"


def filesystem(url: str) -> tuple[Any, str]:
    """Return fsspec's file system for a URL, and the name of the file or folder in it.

    Raises:
        UserError: the protocol is unknown, or its package is not installed; the message names the extra that has it.
    """
    from fsspec.core import url_to_fs  # type: ignore[import-untyped]  # imported only for URLs, so that workers start fast

    protocol = url.partition("://")[0]
    try:
        found: tuple[Any, str] = url_to_fs(url)
    except ImportError as error:
        how = f"the extra `{EXTRAS[protocol]}` has it" if protocol in EXTRAS else "no extra of this project has it"
        raise UserError(f"the package that reads {protocol}:// is missing ({how}): {error}") from error
    except ValueError as error:
        raise UserError(f"no package that reads {url} is known: {error}") from error
    return found


def relative_to(root: str, place: str) -> str:
    """Return a place relative to the root it is in, as both are written.

    Raises:
        UserError: it is not in the root.
    """
    if not is_url(root) and not is_url(place):
        # absolute, because one of them may be; links are not followed
        place, root = os.path.abspath(place), os.path.abspath(root)  # noqa: PTH100
    root, place = root.rstrip("/"), place.rstrip("/")
    if place != root and not place.startswith(f"{root}/"):
        raise UserError(f"{place} is not inside {root}")
    return place[len(root) + 1 :]


@contextlib.contextmanager
def reading(place: str) -> Iterator[None]:
    """Turn any error while a list or an archive is read into a `UserError`.

    Raises:
        UserError: naming `place`.
    """
    try:
        yield
    except UserError:
        raise
    except FileNotFoundError as error:
        raise UserError(f"{place} does not exist") from error
    except Exception as error:  # each kind of storage has its own exceptions
        raise UserError(f"cannot read {place}: {describe(error)}") from error


def describe(error: BaseException) -> str:
    """Return the message of an exception, or its type's name if it has no message."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
