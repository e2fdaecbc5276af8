"""What a method is: a network and a loss, and whether a teacher has a say. The methods themselves are in `methods`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from distill.features import FeatureSet
from distill.losses import Losses
from distill.models import Classifier, Kind, Outputs
from manifests.recipes.recipe import Recipe


class Lesson(NamedTuple):
    """What a loss may know of a batch of M models, beside what they say of it.

    Attributes:
        labels: (M, B).
        labelled: (M, B) bool; where False the label must not be read.
        teacher: what each model's teacher says of the same clips; None without one.
        own: the method's own parameters, each (M, ...).
        draw: returns uniform random numbers (M, *shape) in [0, 1), those of each model from its seed.
        targets: (M, B, C) of a method that has its own; None of the others.
    """

    labels: Tensor
    labelled: Tensor
    teacher: Outputs | None
    own: Mapping[str, Tensor]
    draw: Callable[..., Tensor]
    targets: Tensor | None = None


def no_parameters(steps: int, classes: int) -> Mapping[str, Tensor]:
    """The parameters of its own that most methods have: none."""
    return {}


@dataclass(frozen=True)
class Method:
    """A way to train a network that classifies at every progress level.

    Attributes:
        title: its name in tables and figures.
        network: the kind of network.
        hidden: its units per direction, by the recipe.
        loss: of the outputs (M, B, N, ·), one value a model.
        teacher: the name of the method whose trained network teaches; None: nobody.
        unlabelled: learns from clips without a label too.
        own: further parameters that are trained along and then left behind: their first values, by (N, C).
        imitates_states: the loss needs the teacher's states, not its logits alone.
        targets: (data, labelled (clips,), recipe, teacher) → what the training clips (clips, C) should be taken for,
            computed once, before the training; the teacher has no other say then. None: the method needs none.
        needs_tau: with β > 0 the loss compares outputs τ levels apart, so N must be greater than τ.
        settings: the table of the recipe that the loss reads; None: none.
        published: what `published.csv` calls it; None: no row of it.
    """

    title: str
    network: Kind
    hidden: Callable[[Recipe], int]
    loss: Callable[[Outputs, Lesson, Recipe], Losses]
    teacher: str | None = None
    unlabelled: bool = False
    own: Callable[[int, int], Mapping[str, Tensor]] = no_parameters
    imitates_states: bool = False
    targets: Callable[[FeatureSet, Tensor, Recipe, Classifier | None], Tensor] | None = None
    needs_tau: bool = False
    settings: str | None = None
    published: str | None = None

    @property
    def sees_future(self) -> bool:
        """Whether its output after segment n depends on later segments: a teacher, not for early recognition."""
        return self.network.startswith("bi")


def student_hidden(recipe: Recipe) -> int:
    """Units of the student."""
    return recipe.student.hidden


def teacher_hidden(recipe: Recipe) -> int:
    """Units of the teacher, per direction."""
    return recipe.teacher.hidden
