"""The limit on memory: it holds inside the block only, and a lower limit of the user's stays."""

import resource
import subprocess
import sys

import pytest

from extract.skeletons.memory_limit import limit_memory

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is limited where there is /proc")


def test_it_holds_inside_the_block_only() -> None:
    """In a process of its own: one that has run for a while has free memory that it need not ask the system for."""
    code = """
import numpy as np, resource
from extract.skeletons.memory_limit import limit_memory
before = resource.getrlimit(resource.RLIMIT_AS)
with limit_memory(64 << 20):
    assert np.empty(8 << 20, np.uint8).size
    try:
        np.empty(256 << 20, np.uint8)
    except MemoryError:
        print("refused")
assert resource.getrlimit(resource.RLIMIT_AS) == before
assert np.empty(256 << 20, np.uint8).size
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (ended.stdout, ended.returncode) == ("refused\n", 0), ended.stderr


def test_an_error_in_the_block_ends_it_too() -> None:
    before = resource.getrlimit(resource.RLIMIT_AS)
    with pytest.raises(ZeroDivisionError), limit_memory(64 << 20):
        raise ZeroDivisionError
    assert resource.getrlimit(resource.RLIMIT_AS) == before


def test_a_lower_limit_stays_and_comes_back() -> None:
    before = resource.getrlimit(resource.RLIMIT_AS)
    with limit_memory(64 << 20):
        outer = resource.getrlimit(resource.RLIMIT_AS)
        with limit_memory(1 << 40):
            assert resource.getrlimit(resource.RLIMIT_AS) == outer
        assert resource.getrlimit(resource.RLIMIT_AS) == outer
    assert resource.getrlimit(resource.RLIMIT_AS) == before
