"""Every method that is trained, by the name it has in recipes, in the order of tables.

A method is a file of this folder and a line here. Those that are not trained by gradients are in `distill.classical`.
"""

from distill.method import Method
from distill.methods.east import EAST
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

METHODS: dict[str, Method] = {
    "teacher": TEACHER,
    "teacher_lstm": TEACHER_LSTM,
    "mean_linear": MEAN_LINEAR,
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
