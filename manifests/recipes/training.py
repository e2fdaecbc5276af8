"""The tables of a recipe that say how networks are trained: the paper's, and those of the methods beside it.

A value that a paper states is the default and says so; what it leaves open is an option. No formulas here.
"""

from typing import Literal

from pydantic import Field

from common.config import Config

MOST_UNITS = 2**16  # a typing error, not a network: its weights alone would take tens of gigabytes


class Teacher(Config):
    """BiGRU on the whole sequence, its output at each step (paper §2.1)."""

    hidden: int = Field(default=256, ge=1, le=MOST_UNITS)  # per direction; the paper's value


class Student(Config):
    """GRU on the observed part (paper §2.1)."""

    hidden: int = Field(default=512, ge=1, le=MOST_UNITS)  # the paper's value


class Distillation(Config):
    """Weights of Eq. 4."""

    alpha: float = Field(default=0.5, ge=0)  # teacher-student term; the paper's value for all data sets
    beta: float = Field(ge=0)  # self-distillation term; the paper: 0.5 UCF101, 1.0 SYSU and NTU
    tau: int = Field(default=1, ge=1)  # lead of Eq. 2; not stated in the paper
    temperature: float = Field(default=1.0, gt=0)  # the paper mentions none
    detach_target: bool = True  # no gradient through S(x_{n+τ}); not stated in the paper


class Training(Config):
    """SGD, and what keeps a student of a few hundred clips from learning them by heart.

    The defaults are ours, chosen on validation clips of UTD-MHAD; README tells what they do on other data. The paper's
    recipes have the paper's bare SGD at 0.01.
    """

    learning_rate: float = Field(default=0.1, gt=0)  # the paper: 0.01
    schedule: Literal["constant", "cosine"] = "cosine"  # of the learning rate: as it is, or falling to 0 at the end
    momentum: float = Field(default=0.9, ge=0, lt=1)
    weight_decay: float = Field(default=0.0, ge=0)
    batch_size: int = Field(default=32, ge=1, le=10**6)
    epochs: int = Field(default=100, ge=1, le=10**6)
    gradient_clip: float = Field(default=5.0, gt=0)
    standardize: bool = True  # features to mean 0 and deviation 1, by the moments of the training clips
    input_dropout: float = Field(default=0.5, ge=0, lt=1)  # share of the features' dimensions, the same at all steps
    output_dropout: float = Field(default=0.5, ge=0, lt=1)  # … of the hidden state's, before the classifier
    feature_noise: float = Field(default=0.6, ge=0)  # deviation of Gaussian noise, in deviations of each dimension
    mixup: float = Field(default=0.5, ge=0, le=0.5)  # the most that a clip is mixed with another, losses alike


class Labels(Config):
    """How many of the training clips have a label that may be read (§3.4)."""

    fraction: float = Field(default=1.0, gt=0, le=1)  # of each class, drawn by seed; one clip of each at least
    classification_weight: float = Field(default=1.0, gt=0)  # of L_cls in Eq. 4: "lowered" where clips lack labels
    rows_per_batch: int = Field(default=0, ge=0)  # labelled ones at least, where others have none; 0: as they come

    @property
    def share(self) -> str:
        """What tables and `published.csv` call it: `all`, or as in `10%`."""
        return "all" if self.fraction == 1 else f"{100 * self.fraction:g}%"


class TsLstm(Config):
    """Weights of TS-LSTM*'s imitation of states (Wang et al., CVPR 2019); neither paper's values are known to us."""

    alpha: float = Field(default=1.0, ge=0)  # squared error of the states, a mean over their units
    mmd: float = Field(default=1.0, ge=0)  # maximum mean discrepancy


class RankLstm(Config):
    """RankLSTM's ranking loss (Ma et al., CVPR 2016)."""

    ranking: Literal["score", "margin"] = (
        "score"  # what must not fall: the probability, or its lead; the paper has both
    )
    weight: float = Field(default=6.0, ge=0)  # λ; 6 in the paper, as others tell it


class Msrnn(Config):
    """MSRNN's soft labels (Hu et al., TPAMI 2018)."""

    smoothness: float = Field(
        default=10.0, ge=0
    )  # λ, against leaps from level to level; ours: less lets early labels fade


class East(Config):
    """EAST's joint learning on the observed part and the whole (Sović et al., ICLR 2026)."""

    oracle: float = Field(default=1.0, ge=0)  # weight of the whole clip's term; the paper's is not known to us


class DeepScn(Config):
    """DeepSCN's layers (Kong et al., CVPR 2017), each solved in closed form; the paper's values are not known to us."""

    layers: int = Field(default=2, ge=1, le=100)
    dropout: float = Field(default=0.2, ge=0, lt=1)  # share of a layer's inputs that are missing, in expectation
    order: float = Field(default=0.1, ge=0)  # weight of: neighbouring levels of a clip come out alike
    pull: float = Field(default=1.0, ge=0)  # weight of: clips of a class come out alike


class Spreading(Config):
    """Label spreading over the training clips, with the common values of its papers."""

    neighbours: int = Field(default=8, ge=1)  # whom a clip is tied to
    reach: float = Field(default=0.9, ge=0, lt=1)  # r: how much of what a clip knows goes on to the next
