"""What a method is. The methods are in `methods/`, one file each.

A `Method` trains a network by gradient descent: it names the kind of network and has a loss. A `ClassicalMethod` needs
no network: it predicts from the training clips directly. Both have a title, the section of the recipe that configures
them, and the same flags, so that other code need not know which of the two it has.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from common.config import Config
from common.errors import UserError, unknown_name
from distill.feature_set import FeatureSet
from distill.losses import Losses
from distill.method_section import check_section
from distill.models import KINDS, Classifier, Kind, Outputs


class LossInputs(NamedTuple):
    """What a loss gets beside the outputs of the networks. M models are trained side by side on batches of B clips.

    Attributes:
        labels: (M, B).
        labelled: (M, B) bool; where False, the loss must not read the label.
        teacher: the outputs of each model's teacher for the same clips; None: the method has no teacher.
        parameters: the method's own parameters by name, each (M, ...).
        draw: returns uniform random numbers (M, *shape) in [0, 1); those of each model depend on its seed.
        targets: (M, B, C), the method's own targets; None: it has none.
        classification_weight: weight of L_cls in Eq. 4, from the recipe's `[labels]`; 1 for a method that is not
            `unlabelled`.
        running: (M, B, N) bool, which segments the clips have; None: all clips have N. The outputs after a clip's last
            segment mean nothing, so a loss must not depend on them.
        counted: (M, B, N) bool, the one output of each clip that counts in the losses; None: all of `running`.
    """

    labels: Tensor
    labelled: Tensor
    teacher: Outputs | None
    parameters: Mapping[str, Tensor]
    draw: Callable[..., Tensor]
    targets: Tensor | None = None
    classification_weight: float = 1.0
    running: Tensor | None = None
    counted: Tensor | None = None

    def lengths(self, outputs: Outputs) -> Tensor:
        """Return how many segments each clip has, (M, B) int64, 1 or more.

        Args:
            outputs: of the networks, (M, B, N, ·).
        """
        if self.running is not None:
            return self.running.sum(-1).clamp(min=1)
        models, batch, num_segments = outputs.logits.shape[:3]
        return torch.full((models, batch), num_segments, device=outputs.logits.device)


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
        title: name in results tables and figures, without a comma.
        section: name of the recipe's section that configures the method; None: the method has no settings.
        settings: the model of that section. All of its keys have defaults.
        published: name in `published.csv`; None: no published row.
        outputs_are_probabilities: False if the method's scores are no probabilities. Then its calibration says little.

    Raises:
        UserError: the section, its model or the title cannot work.
    """

    title: str
    section: str | None = None
    settings: type[Config] | None = None
    published: str | None = None
    outputs_are_probabilities: bool = True

    def __post_init__(self) -> None:
        """Refuse an entry that no recipe could use, or whose title would damage a table."""
        if not self.title or any(character in self.title for character in ",\n"):
            raise UserError(
                f"method {self.title!r}: its title is empty or has a comma or a line break; change the title"
            )
        if self.section is None and self.settings is None:
            return
        if self.section is None or self.settings is None:
            raise UserError(f"method {self.title!r} has only one of section and settings; give it both or neither")
        check_section(self.title, self.section, self.settings)


@dataclass(frozen=True, kw_only=True)
class Method(Entry):
    """A method that trains a network by gradient descent. The network classifies after each segment.

    Attributes:
        network: the kind of network, one of `models.KINDS`.
        hidden: returns the units of the network's recurrent layer, per direction, from the recipe's sizes.
        loss: returns the losses of the M models, each (M,). Its arguments are the outputs of the networks (M, B, N, ·),
            the loss inputs and the method's settings.
        teacher: the name of the method that trains the teacher; None: no teacher.
        unlabelled: the method also learns from clips that have no label.
        parameters: returns the initial values of parameters that the loss needs beside those of the network. Its
            arguments are N and C. The parameters are trained with the network and are not saved.
        imitates_states: the loss needs the states of the teacher, not only its logits.
        targets: returns the method's own targets (clips, C) of the training clips. Its arguments are the data,
            `labelled` (clips,), the settings and the teacher. It is called once, before the training. If it is given,
            the loss gets the targets and no outputs of the teacher.
        judge_targets: returns how right the sources of the targets are on the validation clips, by name, in [0, 1]. It
            has the same arguments. The run folder of a training with few labels has the result, in `targets.json`.
        takes_lengths: the loss reads `LossInputs.running`, so the clips may differ in their number of segments.
        takes_drawn_ratios: the loss reads `LossInputs.counted`, so that one output of each clip can count alone.
        needs_tau: Eq. 2 is part of the loss. Then τ must be smaller than N, and the settings have `beta` and `tau`.

    Raises:
        UserError: the kind of network is unknown, the settings lack τ, or see `Entry`.
    """

    network: Kind
    hidden: Callable[[HiddenSizes], int]
    loss: Callable[[Outputs, LossInputs, Any], Losses]
    teacher: str | None = None
    unlabelled: bool = False
    parameters: Callable[[int, int], Mapping[str, Tensor]] = no_parameters
    imitates_states: bool = False
    targets: Callable[[FeatureSet, Tensor, Any, Classifier | None], Tensor] | None = None
    judge_targets: Callable[[FeatureSet, Tensor, Any, Classifier | None], Mapping[str, float]] | None = None
    takes_lengths: bool = False
    takes_drawn_ratios: bool = False
    needs_tau: bool = False

    def __post_init__(self) -> None:
        """Refuse an entry that cannot be trained."""
        super().__post_init__()
        if self.network not in KINDS:
            raise UserError(f"method {self.title!r}: {unknown_name('network', self.network, KINDS)}")
        keys = self.settings.model_fields if self.settings else {}
        if self.needs_tau and not {"beta", "tau"} <= keys.keys():
            raise UserError(
                f"method {self.title!r} has needs_tau, so its settings need the keys beta and tau, like `Distillation`"
            )

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
        fit_predict: returns the probabilities (clips, N, C) of clips, from the data, `labelled` (clips,) of its
            training split, the features (clips, N, D) and the lengths of the clips, and the settings. It chooses
            hyper-parameters on the validation split. Lengths are None, or (clips,), how many segments each clip has if
            they differ; the probabilities are then those at the ten observation ratios, (clips, 10, C).
        takes_lengths: clips may differ in their number of segments.
    """

    fit_predict: Callable[[FeatureSet, Tensor, Tensor, Tensor | None, Any], NDArray[np.float32]]
    takes_lengths: bool = False

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


def check_methods(methods: Mapping[str, Method | ClassicalMethod]) -> None:
    """Refuse methods that do not fit one another.

    Args:
        methods: by their names in recipes.

    Raises:
        UserError: two methods have one title, or one section with different settings; or a teacher is unknown, trains
            no network, or has a teacher itself.
    """
    titles: dict[str, str] = {}
    sections: dict[str, tuple[str, type[Config] | None]] = {}
    for name, method in methods.items():
        if (other := titles.setdefault(method.title, name)) != name:
            raise UserError(f"methods {other!r} and {name!r} have the same title {method.title!r}; change one")
        if method.section:
            other, settings = sections.setdefault(method.section, (name, method.settings))
            if settings is not method.settings:
                raise UserError(
                    f"methods {other!r} and {name!r} share [{method.section}] and have different settings; "
                    "give both the same model, or one of them another section"
                )
        if method.teacher is None:
            continue
        if method.teacher not in methods:
            raise UserError(f"method {name!r}: its teacher: {unknown_name('method', method.teacher, methods)}")
        teacher = methods[method.teacher]
        if not teacher.is_trained or teacher.teacher is not None:
            raise UserError(
                f"method {name!r}: its teacher {method.teacher!r} must train a network and have no teacher itself"
            )
