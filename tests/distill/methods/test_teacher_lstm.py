"""The LSTM teacher is as wide as the student that imitates it."""

import pytest

from common.errors import UserError
from distill.method import HiddenSizes
from distill.methods.teacher_lstm import TEACHER_LSTM
from distill.methods.ts_lstm import TS_LSTM


def test_two_directions_are_as_wide_as_the_student() -> None:
    sizes = HiddenSizes(student=8, teacher=3)
    assert TEACHER_LSTM.sees_future
    assert 2 * TEACHER_LSTM.hidden(sizes) == TS_LSTM.hidden(sizes) == 8
    assert TS_LSTM.teacher == "teacher_lstm"


def test_an_odd_width_is_refused() -> None:
    with pytest.raises(UserError, match=r"student\.hidden = 7 is odd"):
        TEACHER_LSTM.hidden(HiddenSizes(student=7, teacher=4))
