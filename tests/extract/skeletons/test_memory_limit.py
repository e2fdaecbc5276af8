"""The limit on memory: it holds inside the block only, and a lower limit of the user's stays."""

import resource
import sys

import numpy as np
import pytest

from extract.skeletons.memory_limit import at_most

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is limited where there is /proc")


def test_it_holds_inside_the_block_only() -> None:
    before = resource.getrlimit(resource.RLIMIT_AS)
    with at_most(64 << 20):
        assert np.empty(8 << 20, np.uint8).size
        with pytest.raises(MemoryError):
            np.empty(256 << 20, np.uint8)
    assert resource.getrlimit(resource.RLIMIT_AS) == before
    assert np.empty(256 << 20, np.uint8).size


def test_an_error_in_the_block_ends_it_too() -> None:
    before = resource.getrlimit(resource.RLIMIT_AS)
    with pytest.raises(ZeroDivisionError), at_most(64 << 20):
        raise ZeroDivisionError
    assert resource.getrlimit(resource.RLIMIT_AS) == before


def test_a_lower_limit_stays_and_comes_back() -> None:
    before = resource.getrlimit(resource.RLIMIT_AS)
    with at_most(64 << 20):
        outer = resource.getrlimit(resource.RLIMIT_AS)
        with at_most(1 << 40):
            assert resource.getrlimit(resource.RLIMIT_AS) == outer
        assert resource.getrlimit(resource.RLIMIT_AS) == outer
    assert resource.getrlimit(resource.RLIMIT_AS) == before
