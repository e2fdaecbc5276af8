"""The teacher of TS-LSTM* (Wang et al., CVPR 2019): a BiLSTM on whole sequences, with cross-entropy at every segment.

Its two directions together have as many units as the student, because the student imitates its states. It is no method
for early recognition, because its output after segment n depends on all N segments.
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
    title="LSTM teacher (sees the whole action)",
    network="bilstm",
    hidden=_half_the_student,
    loss=TEACHER.loss,
    takes_lengths=True,
    takes_drawn_ratios=True,
)
