"""The released files of weights on this machine: find one by name or download it, always with a check of its hash.

Only `get_weights` downloads. A download resumes after an interruption, and the file gets its name when it is complete.
The list of released files is `manifests/weights.toml`; their content is read in `checkpoints`.
"""

import difflib
import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

from common.errors import UserError, first_few
from common.file_kind import CSV, EMPTY, HDF5, TOML, UTF16, kind_of
from common.files import sha256_of, write_text
from common.locks import WAIT_FOR_EVER, locked
from manifests.released_weights import WeightsFile, read_weights

TIMEOUT = 30.0  # seconds without a byte
CHUNK = 1 << 20
MAGIC = (b"PK\x03\x04", b"\x80\x02")  # how files of torch.save begin: a zip today, a pickle before 2020

Progress = Callable[[int, int], None]  # bytes done, bytes in all (those so far, where the server does not say)


def weights_folder() -> Path:
    """Return the folder of downloaded weights: EARLY_WEIGHTS, or else a folder in the user's cache.

    Raises:
        UserError: the user has no home folder, as in a container whose user has a number and no name.
    """
    folder = os.environ.get("EARLY_WEIGHTS") or "~/.cache/early-recognition/weights"
    try:
        return Path(folder).expanduser()
    except RuntimeError as error:
        raise UserError(
            f"the folder of weights {folder} cannot be found: this user has no home folder; set EARLY_WEIGHTS or HOME"
        ) from error


def find_weights(name_or_path: str, folder: Path | None = None) -> Path:
    """Return the file of released weights by their name, after a check of its hash, or a file of the user's own.

    Raises:
        UserError: the file is missing (with what to do), its bytes are not the released ones, or the name is unknown.
    """
    entry = read_weights().get(name_or_path)
    if entry is None:
        path = Path(name_or_path)
        if path.is_file():
            if (kind := kind_of(path)) in (CSV, TOML, HDF5, EMPTY, UTF16):
                raise UserError(f"{path} is no file of weights but {kind}")
            return path
        raise UserError(f"{name_or_path} is neither a file nor the name of known weights; {_nearest(name_or_path)}")
    folder = folder or weights_folder()
    path = folder / entry.file
    if not path.is_file():
        raise UserError(
            f"the weights {entry.name} are not on this machine: run `python -m extract weights get {entry.name}`, "
            f"or {_by_hand(entry, folder)}"
        )
    verify(entry, path)
    return path


def get_weights(name: str, folder: Path | None = None, *, progress: Progress | None = None) -> Path:
    """Return the file of released weights, and download it if it is missing.

    Raises:
        UserError: the name is unknown, there is no network, the download was interrupted (the next call resumes it),
            or the bytes are wrong.
    """
    entry = read_weights().get(name)
    if entry is None:
        raise UserError(f"there are no weights called {name}; {_nearest(name)}")
    return download(entry, folder or weights_folder(), progress=progress)


def download(entry: WeightsFile, folder: Path, *, progress: Progress | None = None) -> Path:
    """Download one released file into `folder`, and resume from `<file>.part` after an interruption.

    If the list has no complete hash, the hash of the first download is stored in `<file>.sha256` and checked from then
    on.
    """
    path, part = folder / entry.file, folder / f"{entry.file}.part"
    if path.is_file():  # without a lock: the folder may belong to another user
        verify(entry, path)
        return path
    try:
        with locked(folder / f"{entry.file}.lock", WAIT_FOR_EVER):
            if not path.is_file():
                _fetch(entry.url, part, progress)
                _check_download(entry, part, path)
                part.replace(path)
                if entry.sha256 is None and not _recorded(path).exists():
                    write_text(_recorded(path), f"{sha256_of(path)}  {path.name}\n")
    except (OSError, http.client.HTTPException) as error:
        raise UserError(
            f"cannot download the weights {entry.name}: {error}. Run it again to resume, or {_by_hand(entry, folder)}"
        ) from error
    verify(entry, path)
    return path


def verify(entry: WeightsFile, path: Path) -> None:
    """Compare a file with the hash in the list and with the one recorded at its first download.

    Raises:
        UserError: the bytes are wrong.
    """
    found, expected = sha256_of(path), _expected(entry, path)
    if not all(found.startswith(value) for value in expected):
        raise UserError(
            f"{path} is not the released {entry.name}: sha256 {found}, expected {' and '.join(expected)}…; delete it "
            f"and run `python -m extract weights get {entry.name}`"
        )


def _check_download(entry: WeightsFile, part: Path, path: Path) -> None:
    with part.open("rb") as file:
        start = file.read(len(MAGIC[0]))
    if not start.startswith(MAGIC):
        part.unlink()
        raise UserError(f"{entry.url} gave no checkpoint (a web page?); the download was deleted")
    found, expected = sha256_of(part), _expected(entry, path)
    if not all(found.startswith(value) for value in expected):
        part.unlink()
        raise UserError(
            f"{entry.url} gave other bytes than the released {entry.name}: sha256 {found}, expected "
            f"{' and '.join(expected)}…; the download was deleted. Run it again, or {_by_hand(entry, path.parent)}"
        )


def _expected(entry: WeightsFile, path: Path) -> list[str]:
    recorded = _recorded(path)
    own = recorded.read_text(encoding="utf-8").split()[:1] if recorded.exists() else []
    return [value for value in (entry.sha256, entry.sha256_prefix, *own) if value]


def _recorded(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _fetch(url: str, part: Path, progress: Progress | None) -> None:
    """Append to `part` the bytes that it lacks; a server without support of ranges sends all of them again."""
    done = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={done}-"} if done else {})
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.unlink()  # the part is as long as the file or longer, so it is useless
        raise
    with response, part.open("ab") as file:
        if response.status != HTTPStatus.PARTIAL_CONTENT:
            file.truncate(done := 0)
        length = response.headers["Content-Length"]
        total = done + int(length) if length else None
        while chunk := response.read(CHUNK):
            file.write(chunk)
            done += len(chunk)
            if progress:
                progress(done, total or done)
        file.flush()
        os.fsync(file.fileno())
    if total is not None and done < total:
        raise ConnectionError(f"the connection was cut after {done} of {total} bytes")


def _by_hand(entry: WeightsFile, folder: Path) -> str:
    return f"fetch {entry.url} elsewhere and put it here as {folder / entry.file}"


def _nearest(name: str) -> str:
    """Return a hint: the names that contain a name, or else the nearest ones, and how all of them are listed."""
    known = list(read_weights())
    near = [each for each in known if name.lower() in each] or difflib.get_close_matches(name, known, cutoff=0.3)
    named = f"near are {first_few(near)}; " if near else ""
    return f"{named}`python -m extract weights list` shows all of them"
