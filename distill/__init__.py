"""The recurrent models: a teacher that sees the whole action, and students that see its beginning.

`losses` has the equations of the paper, `methods` every method that a recipe can name, `training` the training of one
model. The public names are imported when they are first used.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distill.api import load_student, train

__all__ = ["load_student", "train"]


def __getattr__(name: str) -> object:
    from common.lazy import find_name  # here, because `early_recognition` first checks whose package `common` is

    return find_name(__name__, {"load_student": "distill.api", "train": "distill.api"}, name)
