"""A recipe: one TOML file, one published row, with every value that decides it.

Unknown keys are refused with the nearest known one. No defaults are hidden in the training code:
what a recipe does not say stands here, with its source.
"""

import difflib
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, ValidationError, field_validator, model_validator

from manifests.errors import UserError

Pictures = Literal["segment", "beginning", "both"]

RECIPES = Path(__file__).parent / "recipes"
ONLY_STREAM = "features"  # what the one stream of a recipe without [streams.*] is called
TRAIN = "train"  # weights that are trained first


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
    """How a VA-CNN is trained on the training split (§2.3-2.5 of the method's facts; the paper trains its own too)."""

    network: str = "resnet50"  # the main network: any timm model
    image_size: int = Field(default=224, ge=40)  # side of a segment's picture
    initial_weights: str = "scratch"  # of the main network: "scratch", "timm-package", or a file of ImageNet weights
    learning_rate: float = Field(default=1e-4, gt=0)  # Adam
    batch_size: int = Field(default=32, ge=2)
    epochs: int = Field(default=100, ge=1)
    samples_per_clip: int = Field(default=4, ge=1)  # pictures of each clip in an epoch, of segments and beginnings
    rotation: float = Field(default=0.3, ge=0)  # radians: each picture's joints turn by up to this about every axis
    plateau: int = Field(default=5, ge=1)  # epochs without gain on validation before the rate falls to a tenth
    cooldown: int = Field(default=3, ge=0)  # epochs after a fall that do not count towards the next
    patience: int = Field(default=15, ge=1)  # epochs without gain before the training ends
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
    pictures: Pictures = "segment"  # what va_cnn sees: each segment by itself, the beginning up to its end, or both
    image_size: int | None = Field(default=None, ge=32)  # side of the square the network sees; None: the backbone's own
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    va_cnn: VaCnn | None = None  # with weights = "train": how they are trained first; None: as its defaults say

    @model_validator(mode="after")
    def _some_keys_are_of_va_cnn(self) -> "Extract":
        if self.weights == TRAIN and self.backbone != "va_cnn":
            raise ValueError(f"weights = {TRAIN!r} is for backbone = 'va_cnn'; {self.backbone!r} is not trained here")
        if self.va_cnn is not None and self.weights != TRAIN:
            raise ValueError(f"a va_cnn table says how to train, and weights = {self.weights!r} trains nothing")
        if self.weights == TRAIN and self.image_size is not None:
            raise ValueError("image_size of a VA-CNN that is trained first stands in its va_cnn table")
        if self.pictures != "segment" and self.backbone != "va_cnn":
            raise ValueError(f"pictures = {self.pictures!r} is for backbone = 'va_cnn'; {self.backbone!r} draws none")
        return self


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
        "early"  # features joined, probabilities averaged, or all side by side
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

    @field_validator("streams")
    @classmethod
    def _simple_names(cls, streams: dict[str, Extract]) -> dict[str, Extract]:
        for name in streams:
            if not re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9_-]*", name):
                raise ValueError(f"{name!r} is no name for a stream; use letters, digits, _ and -")
        return streams

    @model_validator(mode="after")
    def _streams_go_together(self) -> "Recipe":
        if self.extract is not None and self.streams:
            raise ValueError("[extract] is for one stream of features, [streams.*] for several; leave one out")
        segments = {name: table.segments for name, table in self.streams.items()}
        if len(set(segments.values())) > 1:
            each = ", ".join(f"{name} has {count}" for name, count in segments.items())
            raise ValueError(f"streams are fused segment by segment, and {each} segments; give all the same number")
        if self.fusion != "early" and len(self.streams) < 2:
            raise ValueError(f"fusion = {self.fusion!r} needs two [streams.*] or more")
        return self

    @property
    def stream_tables(self) -> dict[str, Extract]:
        """How each stream's features are made, by its name; empty if they come from a cache made elsewhere."""
        return self.streams or ({} if self.extract is None else {ONLY_STREAM: self.extract})


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
    path = [str(part) for part in item["loc"]]
    if item["type"] == "extra_forbidden":
        *tables, key = path
        nearest = difflib.get_close_matches(key, _table_at(kind, tables).model_fields, n=1, cutoff=0)
        return f"{'.'.join(path)} is not a key; did you mean {'.'.join([*tables, *nearest])}?"
    message = str(item["msg"]).removeprefix("Value error, ")
    return f"{'.'.join(path)}: {message}" if path else message  # no path: of several keys together


def _table_at(kind: type[_Table], path: Sequence[str]) -> type[_Table]:
    """The kind of table at `path`, which may lead through tables by name, as in streams.rgb.va_cnn."""
    steps = iter(path)
    for key in steps:
        annotation = kind.model_fields[key].annotation  # Data, Extract | None, dict[str, Extract]
        if get_origin(annotation) is dict:
            next(steps)  # any name
        parts = get_args(annotation) or (annotation,)
        kind = next(part for part in parts if isinstance(part, type) and issubclass(part, _Table))
    return kind
