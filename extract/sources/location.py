"""Where a file is: a local path, or a URL of anything that fsspec reads; and how either is joined to its root.

The packages behind s3://, gs:// and http:// are optional extras. What is read from there is in `inputs` and `fetch`.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from common.errors import UserError
from common.files import inside

EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs", "http": "http", "https": "http"}  # of a protocol


def is_url(place: str) -> bool:
    """Tell whether it is a URL, and no local path."""
    return "://" in place


def join(root: str, relative: str) -> str:
    """Return where a file is whose path is relative to a folder or to the beginning of a URL.

    Raises:
        UserError: the path leads out of the root.
    """
    path = inside(Path(root), relative)
    if not is_url(root):
        return str(path)
    # Over HTTP a name is not its URL: `a#1?.mp4` would be cut at the #.
    return f"{root}/{quote(relative) if root.startswith('http') else relative}"


def filesystem(url: str) -> tuple[Any, str]:
    """Return fsspec's file system for a URL, and what the file or folder is called in it.

    Raises:
        UserError: no such protocol, or its package is not installed: naming the extra that brings it.
    """
    from fsspec.core import url_to_fs  # type: ignore[import-untyped]  # not for local files: workers start fast

    protocol = url.partition("://")[0]
    try:
        found: tuple[Any, str] = url_to_fs(url)
    except ImportError as error:
        how = f"the extra `{EXTRAS[protocol]}` brings it" if protocol in EXTRAS else "it is no extra of ours"
        raise UserError(f"a package is missing that reads {protocol}:// ({how}): {error}") from error
    except ValueError as error:
        raise UserError(f"nothing is known that reads {url}: {error}") from error
    return found


def relative_to(root: str, place: str) -> str:
    """Return a place relative to the root it is in, as both are written.

    Raises:
        UserError: it is not in the root.
    """
    if not is_url(root) and not is_url(place):
        # absolute, for one of them may be; links are not followed
        place, root = os.path.abspath(place), os.path.abspath(root)  # noqa: PTH100
    root, place = root.rstrip("/"), place.rstrip("/")
    if place != root and not place.startswith(f"{root}/"):
        raise UserError(f"{place} is not inside {root}")
    return place[len(root) + 1 :]


@contextlib.contextmanager
def reading(place: str) -> Iterator[None]:
    """Turn whatever goes wrong while a list or an archive is read into a sentence.

    Raises:
        UserError: naming `place`.
    """
    try:
        yield
    except UserError:
        raise
    except FileNotFoundError as error:
        raise UserError(f"{place} does not exist") from error
    except Exception as error:  # every storage has exceptions of its own
        raise UserError(f"cannot read {place}: {describe(error)}") from error


def describe(error: BaseException) -> str:
    """Return what an exception says of itself, or its name where it says nothing."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
