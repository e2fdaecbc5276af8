"""The cost of decisions by hand."""

import numpy as np
import pytest

from evaluate.decisions.cost import average_cost, costs, lowest_average_cost
from evaluate.decisions.rule import decided_levels, margin

# Two clips of label 1, four levels, two classes; the first is right from level 3 on, the second always.
PROBABILITIES = np.array([[[0.9, 0.1], [0.6, 0.4], [0.4, 0.6], [0.1, 0.9]], [[0.3, 0.7]] * 4])
LABELS = np.array([1, 1])


def test_an_error_and_the_time_cost_their_price() -> None:
    found = costs(PROBABILITIES, LABELS, np.array([2, 1]), 0.4)
    assert found == pytest.approx([0.6 + 0.4 * 2 / 4, 0.4 * 1 / 4])
    assert average_cost(PROBABILITIES, LABELS, np.array([2, 1]), 0.4) == pytest.approx(found.mean())


@pytest.mark.parametrize(
    ("price", "lowest"), [(0.0, 0.0), (0.4, 0.4 * (3 + 1) / 8), (0.9, (0.1 + 0.9 / 4 + 0.9 / 4) / 2)]
)
def test_the_lowest_cost_is_that_of_the_best_level_of_each_clip(price: float, lowest: float) -> None:
    assert lowest_average_cost(PROBABILITIES, LABELS, price) == pytest.approx(lowest)


def test_the_last_level_is_a_decision_in_any_case() -> None:
    stops = np.array([[False, True, False, True], [False] * 4])
    assert decided_levels(stops).tolist() == [2, 4]
    assert not stops[1, -1], "it is not changed"


def test_the_margin_is_over_the_second_class() -> None:
    assert margin(PROBABILITIES)[0] == pytest.approx([0.8, 0.2, 0.2, 0.8])
