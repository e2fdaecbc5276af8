"""What a method is. The methods are in `methods/`, one file each.

A `Method` trains a network by gradient descent: it names the kind of network and has a loss. A `ClassicalMethod` needs
no network: it predicts from the training clips directly. Both have a title, the section of the recipe that configures
them, and the same flags, so that other code need not know which of the two it has.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from common.config import Config
from distill.feature_set import FeatureSet
from distill.losses import Losses
from distill.models import Classifier, Kind, Outputs


class LossInputs(NamedTuple):
    """What a loss gets beside the outputs of the networks. M models are trained side by side on batches of B clips.

    Attributes:
        labels: (M, B).
        labelled: (M, B) bool; where False, the loss must not read the label.
        teacher: the outputs of each model's teacher for the same clips; None: the method has no teacher.
        parameters: the method's own parameters by name, each (M, ...).
        draw: returns uniform random numbers (M, *shape) in [0, 1); those of each model depend on its seed.
        targets: (M, B, C), the method's own targets; None: it has none.
        classification_weight: weight of L_cls in Eq. 4, from the recipe's `[labels]`.
    """

    labels: Tensor
    labelled: Tensor
    teacher: Outputs | None
    parameters: Mapping[str, Tensor]
    draw: Callable[..., Tensor]
    targets: Tensor | None = None
    classification_weight: float = 1.0


class HiddenSizes(NamedTuple):
    """The units of the paper's two networks, from the recipe's `[student]` and `[teacher]`."""

    student: int
    teacher: int  # per direction


def student_size(sizes: HiddenSizes) -> int:
    """Return the units of the student."""
    return sizes.student


def teacher_size(sizes: HiddenSizes) -> int:
    """Return the units of the teacher, per direction."""
    return sizes.teacher


def no_parameters(num_segments: int, num_classes: int) -> Mapping[str, Tensor]:
    """Return no parameters: most methods have none beside the network's."""
    return {}


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What all methods have.

    Attributes:
        title: name in results tables and figures.
        section: name of the recipe's section that configures the method; None: it has no settings.
        settings: the model of that section.
        published: name in `published.csv`; None: no published row.
        outputs_are_probabilities: False if its scores are no probabilities, so that calibration says little.
    """

    title: str
    section: str | None = None
    settings: type[Config] | None = None
    published: str | None = None
    outputs_are_probabilities: bool = True


@dataclass(frozen=True, kw_only=True)
class Method(Entry):
    """A method that trains a network by gradient descent. The network classifies after each segment.

    Attributes:
        network: the kind of network.
        hidden: returns the units of its recurrent layer, per direction.
        loss: returns the loss of each model from the outputs (M, B, N, ·), the loss inputs and the method's settings.
        teacher: the method that trains the teacher; None: no teacher.
        unlabelled: the method learns from clips without a label too.
        parameters: returns the first values of parameters beside the network's, from (N, C). They are trained with the
            network and then discarded.
        imitates_states: the loss needs the states of the teacher, not only its logits.
        targets: returns the method's own targets (clips, C) of the training clips, computed once before the training
            from the data, `labelled` (clips,), the settings and the teacher. The loss then gets no teacher outputs.
        needs_tau: Eq. 2 is part of the loss, so τ must be smaller than N.
    """

    network: Kind
    hidden: Callable[[HiddenSizes], int]
    loss: Callable[[Outputs, LossInputs, Any], Losses]
    teacher: str | None = None
    unlabelled: bool = False
    parameters: Callable[[int, int], Mapping[str, Tensor]] = no_parameters
    imitates_states: bool = False
    targets: Callable[[FeatureSet, Tensor, Any, Classifier | None], Tensor] | None = None
    needs_tau: bool = False

    @property
    def is_trained(self) -> bool:
        """Whether a network is trained, which has a run folder."""
        return True

    @property
    def sees_future(self) -> bool:
        """Whether the output after segment n depends on later segments, so that it is no early recognition."""
        return self.network.startswith("bi")


@dataclass(frozen=True, kw_only=True)
class ClassicalMethod(Entry):
    """A method without training by gradients, and so without a run folder.

    Attributes:
        fit_predict: returns the probabilities (clips, N, C) of features (clips, N, D), from the data, `labelled`
            (clips,) of its training split, the features and the settings. It chooses hyper-parameters on the
            validation split.
    """

    fit_predict: Callable[[FeatureSet, Tensor, Tensor, Any], NDArray[np.float32]]

    @property
    def is_trained(self) -> bool:
        """Whether a network is trained, which has a run folder."""
        return False

    @property
    def teacher(self) -> str | None:
        """The method that trains the teacher: none."""
        return None

    @property
    def sees_future(self) -> bool:
        """Whether the output after segment n depends on later segments."""
        return False
