"""The LSTM teacher is as wide as the student that imitates it."""

from collections.abc import Callable

import pytest

from common.errors import UserError
from distill.methods import METHODS
from manifests.recipes.recipe import Recipe


def test_two_directions_are_as_wide_as_the_student(recipe: Recipe) -> None:
    teacher, student = METHODS["teacher_lstm"], METHODS["ts_lstm"]
    assert teacher.sees_future
    assert 2 * teacher.hidden(recipe) == student.hidden(recipe) == recipe.student.hidden
    assert student.teacher == "teacher_lstm"


def test_an_odd_width_is_refused(change: Callable[..., Recipe]) -> None:
    with pytest.raises(UserError, match=r"student\.hidden = 7 is odd"):
        METHODS["teacher_lstm"].hidden(change("student", hidden=7))
