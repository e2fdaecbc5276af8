"""The sections of a recipe that say how the recurrent models are trained.

A value that the paper states is the default, and its comment says so. What the paper leaves open is an option. The
section of a single method is in that method's file (`distill/methods/`).
"""

import math
from typing import Annotated, Literal

from pydantic import Field

from common.config import Config

Seed = Annotated[int, Field(ge=0, lt=2**63)]

MOST_UNITS = 2**16  # more is a typing error: the weights alone would need tens of gigabytes

# The length of a training with epochs = "auto". A small data set has few batches an epoch, so a number of epochs alone
# leaves its networks far from trained. The curves of docs/results.md show that 3,000 updates are enough.
LEAST_EPOCHS, LEAST_UPDATES = 100, 3000
MOST_AUTO_EPOCHS = 1000  # with one or two batches an epoch, its validation would take longer than its updates


def _is_zero(value: object) -> bool:
    """Tell whether an option is off. It is not written then, so records of recipes without it stay as they were."""
    return value == 0


def _is_all(value: object) -> bool:
    """Tell whether all ratios count. It is not written then, so records of recipes without it stay as they were."""
    return value == "all"


class Teacher(Config):
    """The BiGRU that sees the whole sequence and classifies after each segment (paper, section 2.1)."""

    hidden: int = Field(default=256, ge=1, le=MOST_UNITS)  # per direction; the paper's value


class Student(Config):
    """The GRU that sees the observed segments only (paper, section 2.1)."""

    hidden: int = Field(default=512, ge=1, le=MOST_UNITS)  # the paper's value


class Distillation(Config):
    """The two distillation terms of Eq. 4 and their weights (paper, section 2.2)."""

    alpha: float = Field(default=0.5, ge=0)  # teacher-student term; the paper's value for all data sets
    beta: float = Field(default=0.5, ge=0)  # self-distillation term; the paper: 0.5 UCF101, 1.0 SYSU and NTU
    tau: int = Field(default=1, ge=1)  # lead of Eq. 2; not stated in the paper
    temperature: float = Field(default=1.0, gt=0)  # the paper mentions none
    detach_target: bool = True  # no gradient through S(x_{n+τ}); not stated in the paper


class Training(Config):
    """SGD and the regularisation that a data set of a few hundred clips needs.

    The defaults are ours. They were chosen on the validation clips of UTD-MHAD. The recipes of the paper's tables have
    the paper's plain SGD with learning rate 0.01.
    """

    learning_rate: float = Field(default=0.1, gt=0)  # the paper: 0.01
    schedule: Literal["constant", "cosine"] = "cosine"  # of the learning rate; cosine falls to 0
    momentum: float = Field(default=0.9, ge=0, lt=1)  # not stated in the paper, as the following
    weight_decay: float = Field(default=0.0, ge=0)  # of SGD
    batch_size: int = Field(default=32, ge=1, le=10**6)  # clips
    epochs: Annotated[int, Field(ge=1, le=10**6)] | Literal["auto"] = Field(
        default="auto",
        description='"auto": 100, and more where these are less than 3,000 updates of the weights, but at most 1,000. '
        "The epoch with the best validation AUC is kept",
    )
    gradient_clip: float = Field(default=5.0, gt=0)  # largest norm of the gradient
    standardize: bool = True  # features to mean 0 and standard deviation 1 over the training clips
    input_dropout: float = Field(default=0.5, ge=0, lt=1)  # share of the feature dimensions, the same at all segments
    output_dropout: float = Field(default=0.5, ge=0, lt=1)  # share of the state's dimensions, before the classifier
    feature_noise: float = Field(default=0.6, ge=0)  # Gaussian noise, in standard deviations of each dimension
    mixup: float = Field(default=0.5, ge=0, le=0.5)  # largest share of another clip mixed into a clip and its loss
    random_cut: float = Field(
        default=0.0,
        ge=0,
        le=1,
        exclude_if=_is_zero,
        description="share of the training clips of which an epoch uses a random run of segments, because a live "
        "action begins and ends at unknown times; with segment_seconds only",
    )
    ratios: Literal["all", "drawn"] = Field(
        default="all",
        exclude_if=_is_all,
        description="the outputs of a training clip that count in the losses: those at all observation ratios, or "
        '"drawn": at one that is drawn evenly in each epoch',
    )

    def epochs_for(self, clips: int) -> int:
        """Return the number of epochs for so many training clips."""
        if self.epochs != "auto":
            return self.epochs
        updates = math.ceil(clips / self.batch_size)  # of an epoch
        return max(LEAST_EPOCHS, min(MOST_AUTO_EPOCHS, math.ceil(LEAST_UPDATES / updates)))


class Labels(Config):
    """How many of the training clips have a label that may be read (paper, section 3.4)."""

    fraction: float = Field(default=1.0, gt=0, le=1)  # of each class, drawn by seed; at least one clip of each
    classification_weight: float = Field(default=1.0, gt=0)  # weight of L_cls in Eq. 4; lower with few labels
    rows_per_batch: int = Field(default=0, ge=0)  # labelled clips in each batch, if others have no label; 0: any number

    @property
    def share(self) -> str:
        """The share as results tables and `published.csv` write it: `all`, or for example `10%`."""
        return "all" if self.fraction == 1 else f"{100 * self.fraction:g}%"
