"""A model sets torch's number of threads; the tests of this folder leave it as it was."""

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(autouse=True)
def calm() -> Iterator[None]:
    """Leave torch with as many threads as before."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
