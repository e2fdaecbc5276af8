"""A recipe: one TOML file, one published row, with every value that decides it.

Unknown keys are refused with the nearest known one. No defaults are hidden in the training code:
what a recipe does not say stands here, with its source. A recipe may be based on another one and then says only what
is different. Which rows make a table is in `suite`.
"""

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, field_validator, model_validator

from common.config import Config, parse_config
from common.errors import UserError, unknown_name
from common.file_kind import TEXT, TOML, kind_of
from manifests.datasets import DATASETS
from manifests.recipes.training import (
    DeepScn,
    Distillation,
    East,
    Labels,
    Msrnn,
    RankLstm,
    Spreading,
    Student,
    Teacher,
    Training,
    TsLstm,
)

Pictures = Literal["segment", "beginning", "both"]

RECIPES = Path(__file__).parent
ONLY_STREAM = "features"  # what the one stream of a recipe without [streams.*] is called
MOST_PIXELS, MOST_FRAMES = 8192, 10_000  # beyond these a value is a typing error
OTHER = "other"  # the data set of a recipe that needs a manifest of your own
TRAIN = "train"  # weights that are trained first

MethodName = Literal[
    "teacher",
    "teacher_lstm",
    "knn",
    "mean_linear",
    "deep_scn",
    "ms_lstm",
    "rank_lstm",
    "msrnn",
    "ts_lstm",
    "east",
    "without",
    "teacher_student",
    "self_distillation",
    "with",
    "whole_clip",
]


V = TypeVar("V")


def _each_once(values: list[V]) -> list[V]:
    twice = next((value for index, value in enumerate(values) if value in values[:index]), None)
    if twice is not None:
        raise ValueError(f"{twice!r} stands twice; keep one")
    return values


class Data(Config):
    """Which clips, under which protocol."""

    dataset: str  # a name of `DATASETS`, or "other": a manifest of your own
    protocol: str = Field(min_length=1)
    classes: list[str] | None = Field(default=None, min_length=2)  # a subset of the classes, in any order; None: all
    compact_classes: bool = False  # renumber the subset 0, 1, … instead of keeping the official indices

    @field_validator("dataset")
    @classmethod
    def _known_data_set(cls, name: str) -> str:
        if name not in (*DATASETS, OTHER):
            raise ValueError(unknown_name("data set", name, [*DATASETS, OTHER]))
        return name

    @field_validator("classes")
    @classmethod
    def _each_class_once(cls, names: list[str] | None) -> list[str] | None:
        return None if names is None else _each_once(names)


class VaCnn(Config):
    """How a VA-CNN is trained on the training split (§2.3-2.5 of the method's facts; the paper trains its own too)."""

    network: str = "resnet50"  # the main network: any timm model
    image_size: int = Field(default=224, ge=40, le=MOST_PIXELS)  # side of a segment's picture
    initial_weights: str = "scratch"  # of the main network: "scratch", "timm-package", or a file of ImageNet weights
    learning_rate: float = Field(default=1e-4, gt=0)  # Adam
    batch_size: int = Field(default=32, ge=2, le=10**6)
    epochs: int = Field(default=100, ge=1, le=10**6)
    samples_per_clip: int = Field(
        default=4, ge=1, le=10**4
    )  # pictures of each clip in an epoch, of segments and beginnings
    rotation: float = Field(default=0.3, ge=0)  # radians: each picture's joints turn by up to this about every axis
    plateau: int = Field(default=5, ge=1)  # epochs without gain on validation before the rate falls to a tenth
    cooldown: int = Field(default=3, ge=0)  # epochs after a fall that do not count towards the next
    patience: int = Field(default=15, ge=1)  # epochs without gain before the training ends
    seed: int = Field(default=0, ge=0, lt=2**63)
    legacy_sequence_stretch: bool = False  # each clip's own minimum and maximum, as the released code: sees the future
    legacy_sequence_actors: bool = False  # the actors by the whole clip's motion, as the released code: sees the future


class Extract(Config):
    """How a clip becomes segment features (§1 and §9 of the method's facts; N = 10 is the paper's)."""

    backbone: str  # a network for videos; for skeletons "va_cnn", or without a network "joints" or "joint_statistics"
    weights: str  # a name of weights.toml, a file, "timm-package", "random" if so named, "train": see va_cnn, or "none"
    column: str = Field(default="path", min_length=1)  # the manifest's column of the files, path or path_SOMETHING
    segments: int = Field(default=10, ge=1, le=MOST_FRAMES)
    frames_per_segment: int = Field(
        default=8, ge=1, le=MOST_FRAMES
    )  # of skeletons: what "joints" resamples to; no part in va_cnn
    pictures: Pictures = "segment"  # what va_cnn sees: each segment by itself, the beginning up to its end, or both
    image_size: int | None = Field(
        default=None, ge=32, le=MOST_PIXELS
    )  # side of the square the network sees; None: the backbone's own
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


class Recipe(Config):
    """One published row, or one of ours."""

    name: str = Field(pattern=r"^[\w.-]+$")
    base: str | None = (
        None  # the recipe whose tables it has where it does not say otherwise: a name, or a file beside it
    )
    data: Data
    extract: Extract | None = None  # None: the features come from a cache made elsewhere, or there are several streams
    streams: dict[str, Extract] = Field(
        default_factory=dict
    )  # by name, where a clip is seen in several ways (RGB and skeletons)
    fusion: Literal["early", "late", "compare"] = (
        "early"  # features joined, probabilities averaged, or all side by side
    )
    methods: list[MethodName] = Field(default=["without", "with"], min_length=1)  # rows of the table, in its order
    labels: Labels = Labels()
    teacher: Teacher = Teacher()
    student: Student = Student()
    distillation: Distillation
    ts_lstm: TsLstm = TsLstm()
    rank_lstm: RankLstm = RankLstm()
    msrnn: Msrnn = Msrnn()
    east: East = East()
    deep_scn: DeepScn = DeepScn()
    spreading: Spreading = Spreading()
    training: Training = Training()
    seeds: list[Annotated[int, Field(ge=0, lt=2**63)]] = Field(min_length=1)  # what a file's attribute can hold

    @field_validator("seeds", "methods")
    @classmethod
    def _each_value_once(cls, values: list[object]) -> list[object]:
        return _each_once(values)

    @field_validator("streams")
    @classmethod
    def _simple_names(cls, streams: dict[str, Extract]) -> dict[str, Extract]:
        for name in streams:
            if not re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9_-]*", name):
                raise ValueError(f"{name!r} is no name for a stream; use letters, digits, _ and -")
        return streams

    @model_validator(mode="after")
    def _room_for_clips_without_a_label(self) -> "Recipe":
        if self.labels.rows_per_batch >= self.training.batch_size:
            raise ValueError(
                f"labels.rows_per_batch = {self.labels.rows_per_batch} leaves no room in batches of "
                f"{self.training.batch_size}; make it smaller, or training.batch_size larger"
            )
        return self

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


def read_recipe(path: Path, folder: Path = Path()) -> Recipe:
    """Read a recipe by file name, or by its bare name for those that come with the project.

    Args:
        path: the file, or the bare name.
        folder: what a relative file name is relative to.

    Raises:
        UserError: no such recipe, not TOML, an unknown key (with the nearest known), a value out of range, a base that
            has a base.
    """
    path = _find(path, folder)
    table = read_toml(path)
    if not isinstance(table.get("base"), str):
        return parse_config(Recipe, table, f"recipe {path}")
    base_path = _find(Path(table["base"]), path.parent)
    base_table = read_toml(base_path)
    if "base" in base_table:
        further = base_table["base"]
        raise UserError(f"recipe {path}: its base {base_path} has a base itself, {further}; base it on that one")
    base = parse_config(Recipe, base_table, f"recipe {base_path}")
    del base_table["name"]  # every recipe has its own
    return parse_config(Recipe, _merged(base_table, table) | {"base": base.name}, f"recipe {path}")


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        UserError: it cannot be read, or is none.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        if (kind := kind_of(path)) not in (None, TOML, TEXT):
            raise UserError(f"{path} is not a recipe but {kind}; give a TOML file or the name of a recipe") from error
        raise UserError(f"cannot read the recipe {path}: {error}") from error


def _find(name: Path, folder: Path) -> Path:
    shipped = (RECIPES, RECIPES / "rows")
    for path in (folder / name, *(place / f"{name}.toml" for place in shipped)):
        if path.is_file():
            return path
    if (folder / name).is_dir():
        raise UserError(f"{folder / name} is not a recipe but a folder; give a TOML file or the name of a recipe")
    if (RECIPES / "suites" / f"{name}.toml").is_file():
        raise UserError(f"{name} is a whole table and not one recipe; give one of its rows, or `reproduce` the table")
    known = ", ".join(sorted(path.stem for place in shipped for path in place.glob("*.toml")))
    tables = ", ".join(sorted(path.stem for path in (RECIPES / "suites").glob("*.toml")))
    raise UserError(f"no recipe {name}; give a file, or one of: {known}; whole tables are {tables}")


def _merged(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """The tables of both, key by key, at every depth; what is not a table is replaced whole."""
    tables = [key for key in base.keys() & own.keys() if isinstance(base[key], dict) and isinstance(own[key], dict)]
    return base | own | {key: _merged(base[key], own[key]) for key in tables}


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
