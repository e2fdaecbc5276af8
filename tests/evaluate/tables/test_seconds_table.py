"""Accuracy by seconds seen as CSV."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from evaluate.scoring.scores import Scores
from evaluate.scoring.seconds import SecondsScores
from evaluate.tables.seconds_table import render_seconds_csv, seconds_of

Made = dict[str, Sequence[Scores]]


def timed(run: Scores, right: Sequence[Sequence[int]], counts: Sequence[int]) -> Scores:
    correct: NDArray[np.bool_] = np.array(right, bool)
    return replace(run, seconds=SecondsScores(0.5, correct, np.array(counts)))


@pytest.fixture
def scores(runs: Callable[..., list[Scores]]) -> Made:
    counts, (one, two) = [3, 1, 2, 1], runs("GRU", 0.5, (0, 1))
    first = timed(one, [[0, 1, 1], [1, 1, 1], [0, 0, 0], [0, 0, 0]], counts)
    second = timed(two, [[0, 0, 1], [1, 1, 1], [0, 1, 1], [0, 0, 0]], counts)
    return {"GRU": [first, second], "k-NN": runs("k-NN", 0.4, (0,))}


def test_a_row_is_a_method_and_a_time(scores: Made) -> None:
    assert render_seconds_csv(scores) == (
        "method,seeds,seconds,accuracy,accuracy_std,clips_running,clips\n"
        "GRU,2,0.5,25,0,4,4\n"
        "GRU,2,1,50,0,2,4\n"
        "GRU,2,1.5,62.5,17.6777,1,4\n"
    )


def test_one_seed_has_no_deviation(scores: Made) -> None:
    lines = render_seconds_csv({"GRU": scores["GRU"][:1]}).splitlines()
    assert lines[1] == "GRU,1,0.5,25,,4,4"


def test_a_method_of_which_a_seed_lacks_them_is_left_out(scores: Made) -> None:
    run = scores["GRU"][1]
    assert list(seconds_of(scores)) == ["GRU"]
    assert seconds_of({"GRU": [scores["GRU"][0], replace(run, seconds=None)]}) == {}
