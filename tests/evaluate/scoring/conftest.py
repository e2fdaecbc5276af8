"""Fixtures of the scoring: predictions for Hypothesis to draw."""

import numpy as np
import pytest
from hypothesis import strategies as st
from numpy.typing import NDArray

Case = tuple[NDArray[np.float32], NDArray[np.int64]]


@st.composite
def draw_case(draw: st.DrawFn) -> Case:
    clips, segments, classes = draw(st.integers(1, 12)), draw(st.integers(1, 5)), draw(st.integers(1, 4))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    concentration = np.full(classes, draw(st.sampled_from((0.3, 0.5))))
    probabilities = generator.dirichlet(concentration, size=(clips, segments)).astype(np.float32)
    return probabilities, generator.integers(classes, size=clips)


@pytest.fixture(scope="session")
def cases() -> st.SearchStrategy[Case]:
    """Draw probabilities (clips, N, C) and the labels (clips,) of the clips."""
    return draw_case()
