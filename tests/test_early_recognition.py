"""The start of the command lines: other distributions' packages, the user's own files, Ctrl-C while modules load."""

import base64
import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import early_recognition
from manifests.stick_figures.data_set import draw_data_set

ROOT = Path(early_recognition.__file__).parent
PACKAGES = early_recognition.PACKAGES
CONSOLE_SCRIPT = "import sys; sys.argv[0] = 'early-recognition'; from early_recognition import main; main()"


@pytest.fixture(autouse=True)
def current_folder_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Python look into the current folder first, as it does outside the container image."""
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)


def run(*arguments: str, cwd: Path, path: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder, with the packages of `path`."""
    environment = {**os.environ, "PYTHONPATH": str(path)}
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


@contextlib.contextmanager
def started(*arguments: str, cwd: Path) -> Iterator[subprocess.Popen[str]]:
    """Start Python in a folder, and kill it at the end if it still runs."""
    process = subprocess.Popen(
        [sys.executable, *arguments], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def copy_of_the_packages(folder: Path) -> Path:
    """Copy of what the start of `evaluate` imports first: the packages' `__init__` files, and all of `common`."""
    shutil.copy(ROOT / "early_recognition.py", folder)
    shutil.copytree(ROOT / "common", folder / "common")
    for package in PACKAGES[1:]:
        (folder / package / "commands").mkdir(parents=True)
        shutil.copy(ROOT / package / "__init__.py", folder / package)
    for name in ("__init__", "early_recognition"):
        shutil.copy(ROOT / "evaluate" / "commands" / f"{name}.py", folder / "evaluate" / "commands")
    return folder


def other_packages(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text("raise ImportError('of another project')\n")
    return folder


def test_the_console_script_ignores_the_current_folder(tmp_path: Path) -> None:
    for package in PACKAGES:
        (tmp_path / f"{package}.py").write_text("print('of the user')\n")
    ended = run("-P", "-c", CONSOLE_SCRIPT, "--version", cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("early-recognition ")


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_of_another_distribution_is_named(tmp_path: Path, name: str) -> None:
    other_packages(tmp_path / "other", name)
    path = f"{tmp_path / 'other'}{os.pathsep}{ROOT}"
    environment = {**os.environ, "PYTHONPATH": path}
    command = [sys.executable, "-P", "-c", CONSOLE_SCRIPT, "--version"]
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith(
        f"error: the package `{name}` of early-recognition in {ROOT} is taken from {tmp_path / 'other' / name}"
    )
    assert "an environment of its own" in ended.stderr and ended.stderr.count("\n") == 1


def test_a_file_of_the_user_is_named_by_the_packages_that_need_its_name(tmp_path: Path) -> None:
    (tmp_path / "extract.py").write_text("print('of the user')\n")
    assert run("-m", "manifests", "--help", cwd=tmp_path).returncode == 0, "it needs no `extract`"
    code = "import early_recognition; early_recognition.start('distill')"
    ended = run("-c", code, cwd=tmp_path)
    assert ended.returncode == 1
    assert f"the package `extract` of early-recognition in {ROOT} is taken from {tmp_path}" in ended.stderr


@pytest.mark.parametrize(
    ("package", "name"), [(package, name) for index, package in enumerate(PACKAGES) for name in PACKAGES[:index]]
)
def test_a_file_in_the_current_folder_gives_a_sentence(tmp_path: Path, package: str, name: str) -> None:
    (tmp_path / f"{name}.py").write_text("print('of the user')\n")
    ended = run("-m", package, "--help", cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith(f"error: the package `{name}` of early-recognition in {ROOT} is taken from ")
    assert "a file in the current folder" in ended.stderr and ended.stderr.count("\n") == 1


def test_a_checkout_shadows_nothing(tmp_path: Path) -> None:
    """The folder of a checkout comes before an installation, for all packages alike."""
    checkout = copy_of_the_packages(tmp_path)
    ended = run("-m", "early_recognition", "--version", cwd=checkout, path=ROOT)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("overwritten", [False, True])
def test_an_installation_that_another_distribution_has_overwritten_is_refused(
    tmp_path: Path, overwritten: bool
) -> None:
    installed = copy_of_the_packages(tmp_path)
    metadata = installed / "early_recognition-0.1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: early-recognition\nVersion: 0.1.0\n")
    lines = []
    for package in PACKAGES:
        file = installed / package / "__init__.py"
        digest = base64.urlsafe_b64encode(hashlib.sha256(file.read_bytes()).digest()).rstrip(b"=").decode()
        lines.append(f"{package}/__init__.py,sha256={digest},{file.stat().st_size}\n")
    (metadata / "RECORD").write_text("".join(lines))
    if overwritten:
        (installed / "evaluate" / "__init__.py").write_text("'''Evaluate metrics and models.'''\n")
    (tmp_path / "elsewhere").mkdir()
    ended = run("-P", "-c", CONSOLE_SCRIPT, "--version", cwd=tmp_path / "elsewhere", path=installed)
    assert ended.returncode == overwritten
    if overwritten:
        file = installed / "evaluate" / "__init__.py"
        assert ended.stderr.startswith(f"error: another distribution has overwritten {file} of early-recognition; ")


COMMAND = """
import atexit, contextlib, os, signal, sys
from common.exits import resumable
def app():
    if "import" in sys.argv:
        with contextlib.suppress(BaseException):
            import extract.commands.stubborn
        print("swallowed")
    if "atexit" in sys.argv:
        atexit.register(os.kill, os.getpid(), signal.SIGINT)
        print("working", flush=True)
        return
    try:
        print("working", flush=True)
        while True: pass
    except KeyboardInterrupt:
        print("closed")
        if "typer" in sys.argv:
            sys.exit(130)
        sys.stdout.flush()
        raise
if "resumable" in sys.argv:
    app = resumable(app)
"""
START = "import early_recognition; early_recognition.start('extract')"
KEPT = ": what was finished is kept; run the same command to resume"


def checkout_with(folder: Path, app: str) -> Path:
    """Return a copy of the packages in which the commands of `extract` are another code."""
    checkout = copy_of_the_packages(folder)
    commands = checkout / "extract" / "commands"
    (commands / "__init__.py").write_text("")
    (commands / "app.py").write_text(app)
    (commands / "stubborn.py").write_text("print('working', flush=True)\nwhile True: pass\n")
    return checkout


@pytest.mark.parametrize(("resumable", "kept"), [("", ""), ("resumable", KEPT)])
@pytest.mark.parametrize(("argument", "output"), [("import", ""), ("typer", "closed\n"), ("no typer", "closed\n")])
def test_an_interrupt_is_an_exception_except_while_a_command_imports(
    tmp_path: Path, argument: str, output: str, resumable: str, kept: str
) -> None:
    """Some libraries catch every exception while they are imported, and Ctrl-C would be lost."""
    with started("-c", START, argument, resumable, cwd=checkout_with(tmp_path, COMMAND)) as process:
        assert process.stdout is not None and process.stdout.readline() == "working\n"
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=60)
    assert (process.returncode, rest, errors) == (130, output, f"interrupted{kept}\n")


def test_an_interrupt_after_the_command_gives_no_traceback(tmp_path: Path) -> None:
    with started("-c", START, "atexit", cwd=checkout_with(tmp_path, COMMAND)) as process:
        assert process.communicate(timeout=60) == ("working\n", "")
    assert process.returncode == -signal.SIGINT


def test_the_handlers_are_set_before_anything_slow_is_imported() -> None:
    """Ctrl-C before that is Python's: it ends with a traceback while Python itself starts."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import extract, early_recognition; print(*sys.modules)"
    ended = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    assert not {"pathlib", "hashlib", "importlib.metadata", "common", "typer"} & set(ended.stdout.split())


@pytest.mark.parametrize("name", ["common", "common.command_line", "extract.commands.app"])
def test_an_interrupt_during_the_start_ends_with_a_sentence(tmp_path: Path, name: str) -> None:
    code = f"""
import os, signal, sys
class CtrlC:
    def find_spec(name, path=None, target=None):
        if name == {name!r}: os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, CtrlC)
{START}
"""
    ended = run("-c", code, cwd=tmp_path)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "interrupted\n")


@pytest.mark.parametrize("delay", [0.0, 0.2, 0.5])
@pytest.mark.parametrize(
    ("number", "sentence"), [(signal.SIGINT, "interrupted\n"), (signal.SIGTERM, "stopped\n")], ids=["INT", "TERM"]
)
def test_a_signal_while_modules_are_imported_ends_with_a_sentence(
    tmp_path: Path, number: signal.Signals, sentence: str, delay: float
) -> None:
    """The package that is imported says so, and then takes as long as torch does."""
    slow = "import time\nprint('importing', flush=True)\nwhile True:\n"
    slow += "    try: time.sleep(5)\n    except BaseException: pass\n"
    with started("-c", START, cwd=checkout_with(tmp_path, slow)) as process:
        assert process.stdout is not None and process.stdout.readline() == "importing\n"
        time.sleep(delay)
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (128 + number, sentence)


@pytest.mark.slow
def test_workers_ignore_the_current_folder_too(tmp_path: Path) -> None:
    """An engine starts workers, and they start decode processes; the user's files have the packages' names."""
    for package in PACKAGES:
        (tmp_path / f"{package}.py").write_text("raise SystemExit('of the user')\n")
    draw_data_set(tmp_path / "drawn", clips_per_class={"train": 1, "test": 1}, size=(64, 48))
    start = ["-P", "-c", CONSOLE_SCRIPT, "extract"]
    source = ["drawn/manifest.csv", "--videos", "drawn", "--column", "path_skeleton", "--out", "f.h5"]
    planned = run(*start, "plan", *source, "--backbone", "joints", "--weights", "none", "--shards", "1", cwd=tmp_path)
    assert planned.returncode == 0, planned.stderr
    ended = run(*start, "submit", "f.h5", "--engine", "local", "--device", "cpu", "--workers", "1", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "f.h5").is_file()
