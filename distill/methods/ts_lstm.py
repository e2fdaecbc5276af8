"""TS-LSTM*: an LSTM student that imitates the states of a BiLSTM teacher (Wang et al., CVPR 2019).

    L = L_cls + α 1/N Σ_n ‖s_n − t_n‖² / H + μ MMD²
    MMD² = mean_{n,m} k(s_n, s_m) + mean_{n,m} k(t_n, t_m) − 2 mean_{n,m} k(s_n, t_m),  k(a, b) = (a·b / H)²
         = ‖SᵀS − TᵀT‖_F² / (N H)²,  S and T (N, H) the states of a clip

What is confirmed: a BiLSTM on whole videos teaches a student on partial videos, level by level, by squared error and
MMD. We could not read the text, so these are our choices: the kernel, the weights, and the division by H, which makes
both terms means over units, so that α and μ need not depend on the width. Clips without a label are in the last two
terms only. The star marks the reimplementation of Tran et al. on their features, which they do not describe.
"""

from pydantic import Field
from torch import Tensor

from common.config import Config
from common.errors import UserError
from distill.losses import Losses, classification_loss, segment_mean
from distill.method import LossInputs, Method, student_size
from distill.models import Outputs


class TsLstm(Config):
    """Weights of the two terms that compare states; the values of neither paper are known to us."""

    alpha: float = Field(default=1.0, ge=0)  # squared error of the states, a mean over their units
    mmd: float = Field(default=1.0, ge=0)  # maximum mean discrepancy


def state_error(student: Tensor, teacher: Tensor, running: Tensor | None = None) -> Tensor:
    """Return the mean squared difference of states (..., B, N, H) over clips, segments and units: (...).

    Only the segments that a clip has count, where `running` (..., B, N) is True; None: all.
    """
    squares = (student - teacher).square()
    return squares.mean((-3, -2, -1)) if running is None else segment_mean(squares.mean(-1), running).mean(-1)


def discrepancy(student: Tensor, teacher: Tensor, running: Tensor | None = None) -> Tensor:
    """Return MMD² between the N states of each clip and those of its teacher (..., B, N, H), a mean over clips (...).

    With D = S − T and E = S + T, 2 (SᵀS − TᵀT) = DᵀE + EᵀD, and its squared norm is 2 (⟨DDᵀ, EEᵀ⟩ + tr(EDᵀ EDᵀ)). This
    needs N × N matrices only. Near the teacher it has no difference of large numbers. For `running` see `state_error`.
    """
    num_segments, units = student.shape[-2:]
    difference, total = student - teacher, student + teacher
    if running is not None:  # rows of zeros add nothing
        difference, total = (states.where(running[..., None], 0) for states in (difference, total))
    cross = total @ difference.mT  # (..., B, N, N)
    norm = (difference @ difference.mT) * (total @ total.mT) + cross * cross.mT
    if running is not None:
        return (norm.sum((-2, -1)) / (running.sum(-1) * units) ** 2).mean(-1) / 2
    return norm.sum((-2, -1)).mean(-1) / 2 / (num_segments * units) ** 2


def _loss(outputs: Outputs, inputs: LossInputs, settings: TsLstm) -> Losses:
    if inputs.teacher is None:
        raise UserError("ts_lstm imitates a teacher, and there is none; give one trained as teacher_lstm")
    student, teacher = outputs.states, inputs.teacher.states
    if student.shape != teacher.shape:
        raise UserError(
            f"ts_lstm imitates states of {teacher.shape[-1]} units with {student.shape[-1]}; "
            "give a teacher trained as teacher_lstm, by a recipe with the same student.hidden"
        )
    classification = classification_loss(outputs.logits, inputs.labels, inputs.labelled, inputs.running)
    states, mmd = (distance(student, teacher, inputs.running) for distance in (state_error, discrepancy))
    total = inputs.classification_weight * classification + settings.alpha * states + settings.mmd * mmd
    return Losses(total, {"classification": classification, "states": states, "mmd": mmd})


TS_LSTM = Method(
    title="TS-LSTM*",
    network="lstm",
    hidden=student_size,
    loss=_loss,
    teacher="teacher_lstm",
    unlabelled=True,
    takes_lengths=True,
    imitates_states=True,
    section="ts_lstm",
    settings=TsLstm,
    published="TS-LSTM*",
)
