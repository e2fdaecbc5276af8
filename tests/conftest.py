"""Fixtures of several packages: the folder of real data, one thread for torch, processes whose locks fail."""

import errno
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

# This is set before torch is imported, here or in the processes that tests start. A waiting thread must not spin:
# otherwise tests that run several processes on few cores take ten times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import hypothesis
import pytest
import torch

# No test has a time limit, because the machine may be busy.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

# A shell lets processes in the background ignore SIGINT, and the processes that tests start would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(pytest.mark.skip(reason="needs a GPU"))


@pytest.fixture(scope="session")
def early_data() -> Path:
    """The folder of real data (EARLY_DATA, default ../shared/data); the test is skipped where it is missing."""
    folder = Path(os.environ.get("EARLY_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real data not here: {folder} (set EARLY_DATA)")
    return folder


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Let torch use one thread: small tensors are no faster with more, and much slower on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def without_locks(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, str]]:
    """Return a function: from the name of an error, the environment of a process whose locks all fail with it."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler here to build the library whose locks fail")
    library = tmp_path_factory.mktemp("no_locks") / "no_locks.so"
    source = ROOT / "tests" / "data" / "cases" / "no_locks.c"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return lambda name: {"LD_PRELOAD": str(library), "NOLOCK_ERRNO": str(getattr(errno, name))}
