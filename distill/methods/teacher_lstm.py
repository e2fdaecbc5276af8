"""The teacher of TS-LSTM* (Wang et al., CVPR 2019): a one-layer BiLSTM on whole sequences, cross-entropy at every step.

As wide as the student when its two directions stand side by side, because the student imitates its states.
Not a method for early recognition: its output after segment n has seen all N.
"""

from common.errors import UserError
from distill.method import HiddenSizes, Method
from distill.methods.teacher import TEACHER


def _half_the_student(sizes: HiddenSizes) -> int:
    units = sizes.student
    if units % 2:
        raise UserError(
            f"student.hidden = {units} is odd, and the LSTM teacher halves it between its two directions; "
            "make it even, or leave ts_lstm and teacher_lstm out of methods"
        )
    return units // 2


TEACHER_LSTM = Method(
    title="LSTM teacher (sees the whole action)", network="bilstm", hidden=_half_the_student, loss=TEACHER.loss
)
