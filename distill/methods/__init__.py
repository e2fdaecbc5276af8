"""Every method by its name in recipes.

To add a method, write its file in this folder, and add two lines here: an import and an item of `METHODS`.
"""

from common.errors import UserError, unknown_name
from distill.method import ClassicalMethod, Method, check_methods
from distill.methods.deep_scn import DEEP_SCN
from distill.methods.east import EAST
from distill.methods.knn import KNN
from distill.methods.mean_linear import MEAN_LINEAR
from distill.methods.ms_lstm import MS_LSTM
from distill.methods.msrnn import MSRNN
from distill.methods.rank_lstm import RANK_LSTM
from distill.methods.teacher import TEACHER
from distill.methods.teacher_lstm import TEACHER_LSTM
from distill.methods.ts_lstm import TS_LSTM
from distill.methods.whole_clip import WHOLE_CLIP
from distill.methods.with_distillation import SELF_DISTILLATION, TEACHER_STUDENT, WITH
from distill.methods.without_distillation import WITHOUT

METHODS: dict[str, Method | ClassicalMethod] = {
    "teacher": TEACHER,
    "teacher_lstm": TEACHER_LSTM,
    "knn": KNN,
    "mean_linear": MEAN_LINEAR,
    "deep_scn": DEEP_SCN,
    "ms_lstm": MS_LSTM,
    "rank_lstm": RANK_LSTM,
    "msrnn": MSRNN,
    "ts_lstm": TS_LSTM,
    "east": EAST,
    "without": WITHOUT,
    "teacher_student": TEACHER_STUDENT,
    "self_distillation": SELF_DISTILLATION,
    "with": WITH,
    "whole_clip": WHOLE_CLIP,
}
check_methods(METHODS)


def find_method(name: str) -> Method | ClassicalMethod:
    """Return the method of this name.

    Raises:
        UserError: there is none; with the nearest name.
    """
    if name not in METHODS:
        raise UserError(unknown_name("method", name, METHODS))
    return METHODS[name]
