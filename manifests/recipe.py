"""A recipe: one TOML file, one published row, with every value that decides it.

Unknown keys are refused with the nearest known one. No defaults are hidden in the training code:
what a recipe does not say stands here, with its source.
"""

import difflib
import tomllib
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, ValidationError, field_validator

from manifests.errors import UserError

RECIPES = Path(__file__).parent / "recipes"


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


T = TypeVar("T", bound=_Table)


class Data(_Table):
    """Which clips, under which protocol."""

    dataset: Literal["ucf101", "stick-figures", "sysu", "ntu60", "utd-mhad", "other"]  # "other": a manifest of your own
    protocol: str = Field(min_length=1)
    classes: list[str] | None = None  # a subset of the classes, in any order; None: all
    compact_classes: bool = False  # renumber the subset 0, 1, … instead of keeping the official indices


class VaCnn(_Table):
    """How a VA-CNN is trained on the training split (§2.3 - 2.5 of the method's facts; the paper trains its own too)."""

    network: str = "resnet50"  # the main network: any timm model
    image_size: int = Field(default=224, ge=40)  # side of a segment's picture
    initial_weights: str = "scratch"  # of the main network: "scratch", "timm-package", or a file of ImageNet weights
    learning_rate: float = Field(default=1e-4, gt=0)  # Adam
    batch_size: int = Field(default=32, ge=2)
    epochs: int = Field(default=100, ge=1)
    samples_per_clip: int = Field(default=4, ge=1)  # pictures of each clip in an epoch: segments and prefixes by turns
    rotation: float = Field(default=0.3, ge=0)  # radians: each picture's joints turn by up to this about every axis
    plateau: int = Field(
        default=5, ge=1
    )  # epochs without a better validation accuracy before the rate falls to a tenth
    patience: int = Field(default=15, ge=1)  # … before the training ends
    seed: NonNegativeInt = 0
    legacy_sequence_stretch: bool = False  # each clip's own minimum and maximum, as the released code: sees the future
    legacy_sequence_actors: bool = False  # the actors by the whole clip's motion, as the released code: sees the future


class Extract(_Table):
    """How a clip becomes segment features (§1 and §9 of the method's facts; N = 10 is the paper's)."""

    backbone: str  # a network for videos, or for skeletons "va_cnn" or "joints" (no network: the coordinates)
    weights: str  # a name of weights.toml, a file, "timm-package", "random" if so named, "train": see va_cnn, or "none"
    column: str = Field(default="path", pattern=r"^path(_\w+)?$")  # the manifest's column of the files
    segments: int = Field(default=10, ge=1)
    frames_per_segment: int = Field(default=8, ge=1)  # of skeletons: what "joints" resamples to; no part in va_cnn
    image_size: int | None = Field(default=None, ge=32)  # side of the square the network sees; None: the backbone's own
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    va_cnn: VaCnn | None = None  # with weights = "train": how they are trained first


class Teacher(_Table):
    """BiGRU on the whole sequence, its output at each step (paper §2.1)."""

    hidden: int = Field(default=256, ge=1)  # per direction; the paper's value


class Student(_Table):
    """GRU on the observed part (paper §2.1)."""

    hidden: int = Field(default=512, ge=1)  # the paper's value


class Distillation(_Table):
    """Weights of Eq. 4."""

    alpha: float = Field(default=0.5, ge=0)  # teacher-student term; the paper's value for all data sets
    beta: float = Field(ge=0)  # self-distillation term; the paper: 0.5 UCF101, 1.0 SYSU and NTU
    tau: int = Field(default=1, ge=1)  # lead of Eq. 2; not stated in the paper
    temperature: float = Field(default=1.0, gt=0)  # the paper mentions none
    detach_target: bool = True  # no gradient through S(x_{n+τ}); not stated in the paper


class Training(_Table):
    """SGD as in the paper (learning rate 0.01); what it does not state are our defaults."""

    learning_rate: float = Field(default=0.01, gt=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    weight_decay: float = Field(default=0.0, ge=0)
    batch_size: int = Field(default=64, ge=1)
    epochs: int = Field(default=100, ge=1)
    gradient_clip: float = Field(default=5.0, gt=0)
    input_dropout: float = Field(default=0.0, ge=0, lt=1)
    output_dropout: float = Field(default=0.0, ge=0, lt=1)  # on the hidden state before the classifier


class Recipe(_Table):
    """One published row, or one of ours."""

    name: str = Field(pattern=r"^[\w.-]+$")
    data: Data
    extract: Extract | None = None  # None: the features come from a cache made elsewhere, or there are several streams
    streams: dict[str, Extract] = {}  # by name, where a clip is seen in several ways (RGB and skeletons)
    fusion: Literal["early", "late", "compare"] = (
        "early"  # of streams: features joined, probabilities averaged, or both
    )
    teacher: Teacher = Teacher()
    student: Student = Student()
    distillation: Distillation
    training: Training = Training()
    seeds: list[NonNegativeInt] = Field(min_length=1)

    @field_validator("seeds")
    @classmethod
    def _each_once(cls, seeds: list[int]) -> list[int]:
        if len(set(seeds)) != len(seeds):
            raise ValueError("a seed stands twice")
        return seeds


def read_recipe(path: Path) -> Recipe:
    """Read a recipe by file name, or by its bare name for those that come with the project.

    Raises:
        UserError: no such recipe, not TOML, an unknown key (with the nearest known), a value out of range.
    """
    if not path.exists() and (RECIPES / f"{path}.toml").exists():
        path = RECIPES / f"{path}.toml"
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        known = ", ".join(sorted(recipe.stem for recipe in RECIPES.glob("*.toml")))
        raise UserError(f"no recipe {path}; give a file, or one of: {known}") from error
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read the recipe {path}: {error}") from error
    return parse_table(Recipe, table, f"recipe {path}")


def check_protocol(recipe: Recipe, protocol: str) -> None:
    """Refuse a manifest of another protocol than the recipe's; a subset or a hold-out of it is of the same.

    Raises:
        UserError: with both names.
    """
    wanted = recipe.data.protocol
    if protocol != wanted and not protocol.startswith(wanted + "-"):
        raise UserError(
            f"recipe {recipe.name} is for protocol {wanted}, and the manifest is {protocol}; "
            "give the manifest of that protocol, or change data.protocol in a recipe of your own"
        )


def parse_table(kind: type[T], table: dict[str, Any], name: str) -> T:
    """Check a table of values against its kind; `name` is what errors call it.

    Raises:
        UserError: an unknown key (with the nearest known), a value of the wrong type or out of range.
    """
    try:
        return kind.model_validate(table)
    except ValidationError as error:
        raise UserError(f"{name}: " + "; ".join(_sentence(kind, item) for item in error.errors())) from error


def _sentence(kind: type[_Table], item: Any) -> str:
    *tables, key = (str(part) for part in item["loc"])
    where = ".".join([*tables, key])
    if item["type"] == "extra_forbidden":
        model: Any = kind
        for table in tables:
            model = next(sub for sub in _Table.__subclasses__() if sub.__name__.lower() == table)
        nearest = difflib.get_close_matches(key, model.model_fields, n=1, cutoff=0)
        return f"{where} is not a key; did you mean {'.'.join([*tables, *nearest])}?"
    return f"{where}: {item['msg']}"
