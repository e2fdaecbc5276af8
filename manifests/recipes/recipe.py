"""A recipe: a TOML file with every value that decides one experiment.

An unknown key is refused with the nearest known one. All defaults are here and in `training.py`, none in the training
code. A recipe may have a base; it then contains only what differs from the base.

Methods belong to `distill`. So a recipe keeps the names of its methods and the sections of single methods (`[ts_lstm]`)
as they are written. `distill.training_plan` checks them.
"""

import difflib
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import ConfigDict, Field, field_validator, model_validator

from common.config import Config, parse_config
from common.errors import UserError, unknown_name
from common.file_kind import TEXT, TOML, kind_of
from manifests.recipes.training import Distillation, Labels, Student, Teacher, Training

Pictures = Literal["segment", "beginning", "both"]

RECIPES = Path(__file__).parent
ONLY_STREAM = "features"  # name of the stream of a recipe without [streams.*]
MOST_PIXELS, MOST_FRAMES = 8192, 10_000  # a larger value is a typing error
OTHER = "other"  # the data set of a recipe that needs a manifest of your own
TRAIN = "train"  # as weights: train the network first
MISSPELT = 0.75  # similarity from which an unknown section is taken for a misspelt one, not for a method's

V = TypeVar("V")


def _each_once(values: list[V]) -> list[V]:
    twice = next((value for index, value in enumerate(values) if value in values[:index]), None)
    if twice is not None:
        raise ValueError(f"{twice!r} is given twice; keep one")
    return values


class Data(Config):
    """The data set, its protocol, and a choice of classes."""

    dataset: str  # a name of `DATASETS`, or "other": a manifest of your own
    protocol: str = Field(min_length=1)  # the name of the division into splits, as the manifest has it
    classes: list[str] | None = Field(default=None, min_length=2)  # some of the classes, in any order; None: all
    compact_classes: bool = False  # renumber the subset 0, 1, … instead of keeping the official indices

    @field_validator("dataset")
    @classmethod
    def _known_data_set(cls, name: str) -> str:
        from manifests.datasets import DATASETS  # imports pandas, which a command's --help does not need

        if name not in (*DATASETS, OTHER):
            raise ValueError(unknown_name("data set", name, [*DATASETS, OTHER]))
        return name

    @field_validator("classes")
    @classmethod
    def _each_class_once(cls, names: list[str] | None) -> list[str] | None:
        return None if names is None else _each_once(names)


class VaCnn(Config):
    """How a VA-CNN is trained on the training split (Zhang et al., TPAMI 2019, and Microsoft's `va-cnn.py`)."""

    network: str = "resnet50"  # the main network: any timm model
    image_size: int = Field(default=224, ge=40, le=MOST_PIXELS)  # side of a segment's picture
    initial_weights: str = "scratch"  # of the main network: "scratch", "timm-package", or a file of ImageNet weights
    learning_rate: float = Field(default=1e-4, gt=0)  # Adam
    batch_size: int = Field(default=32, ge=2, le=10**6)  # pictures
    epochs: int = Field(default=100, ge=1, le=10**6)  # at most
    samples_per_clip: int = Field(default=4, ge=1, le=10**4)  # pictures of each clip in an epoch
    rotation: float = Field(default=0.3, ge=0)  # radians; largest random rotation of a skeleton about each axis
    plateau: int = Field(default=5, ge=1)  # epochs without gain on validation before the rate is divided by 10
    cooldown: int = Field(default=3, ge=0)  # epochs after that which do not count for the next time
    patience: int = Field(default=15, ge=1)  # epochs without gain before the training ends
    seed: int = Field(default=0, ge=0, lt=2**63)  # of the weights and of everything drawn
    legacy_sequence_stretch: bool = False  # minimum and maximum of each clip, as the released code; sees the future
    legacy_sequence_actors: bool = (
        False  # actors by the motion in the whole clip, as the released code; sees the future
    )


class Extract(Config):
    """How a clip becomes segment features (paper, section 3.1: N = 10 segments)."""

    backbone: str  # videos: a network; skeletons: "va_cnn", or without a network "joints" or "joint_statistics"
    weights: str  # a name in weights.toml, a file, "timm-package", "random", "none", or "train" (see va_cnn)
    column: str = Field(default="path", min_length=1)  # the manifest's column of the files: path or path_SOMETHING
    segments: int = Field(default=10, ge=1, le=MOST_FRAMES)  # N; the paper's value
    frames_per_segment: int = Field(default=8, ge=1, le=MOST_FRAMES)  # "joints" resamples to it; va_cnn ignores it
    pictures: Pictures = "segment"  # va_cnn sees each segment alone, the clip up to its end, or both
    image_size: int | None = Field(default=None, ge=32, le=MOST_PIXELS)  # side of the network's input; None: its own
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"  # of the network; skeletons stay fp32 until it
    va_cnn: VaCnn | None = None  # with weights = "train": how they are trained; None: the defaults

    @model_validator(mode="after")
    def _some_keys_are_of_va_cnn(self) -> "Extract":
        if self.weights == TRAIN and self.backbone != "va_cnn":
            raise ValueError(f"weights = {TRAIN!r} is for backbone = 'va_cnn'; {self.backbone!r} is not trained here")
        if self.va_cnn is not None and self.weights != TRAIN:
            raise ValueError(
                f"[va_cnn] configures a training, and weights = {self.weights!r} trains nothing; leave one out"
            )
        if self.weights == TRAIN and self.image_size is not None:
            raise ValueError("image_size of a VA-CNN that is trained belongs to its [va_cnn] section")
        if self.pictures != "segment" and self.backbone != "va_cnn":
            raise ValueError(f"pictures = {self.pictures!r} is for backbone = 'va_cnn'; {self.backbone!r} draws none")
        return self


class Recipe(Config):
    """An experiment: one row of a results table, or several rows that share data and features."""

    model_config = ConfigDict(extra="allow")  # the sections of single methods
    __pydantic_extra__: dict[str, dict[str, Any]]

    name: str = Field(pattern=r"^[\w.-]+$")  # letters, digits, ".", "_", "-"; results are in out/NAME
    base: str | None = None  # the recipe that has what this one leaves out: a name, or a file beside it
    data: Data
    extract: Extract | None = None  # None: a cache made elsewhere, or several streams
    streams: dict[str, Extract] = Field(default_factory=dict)  # by name, for clips with several kinds of files
    fusion: Literal["early", "late", "compare"] = "early"  # join features, average probabilities, or show all
    methods: list[str] = Field(default=["without", "with"], min_length=1)  # rows of the results table, in its order
    labels: Labels = Labels()
    teacher: Teacher = Teacher()
    student: Student = Student()
    distillation: Distillation
    training: Training = Training()
    seeds: list[Annotated[int, Field(ge=0, lt=2**63)]] = Field(min_length=1)  # each method is trained with each seed

    @model_validator(mode="before")
    @classmethod
    def _refuse_misspelt_sections(cls, sections: Any) -> Any:
        """Replace an unknown section whose name is close to a known one by None, which is refused as no section."""
        if not isinstance(sections, dict):
            return sections
        known = list(cls.model_fields)
        unknown = [name for name in sections if name not in known]
        close = [name for name in unknown if difflib.get_close_matches(str(name), known, n=1, cutoff=MISSPELT)]
        return sections | dict.fromkeys(close)

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
    def _leave_rows_for_unlabelled_clips(self) -> "Recipe":
        if self.labels.rows_per_batch >= self.training.batch_size:
            raise ValueError(
                f"labels.rows_per_batch = {self.labels.rows_per_batch} leaves no row for other clips in batches of "
                f"{self.training.batch_size}; make it smaller, or training.batch_size larger"
            )
        return self

    @model_validator(mode="after")
    def _streams_go_together(self) -> "Recipe":
        if self.extract is not None and self.streams:
            raise ValueError("[extract] is for one stream of features, [streams.*] for several; leave one out")
        segments = {name: config.segments for name, config in self.streams.items()}
        if len(set(segments.values())) > 1:
            each = ", ".join(f"{name} has {count}" for name, count in segments.items())
            raise ValueError(f"streams are joined segment by segment, and {each} segments; give all the same number")
        if self.fusion != "early" and len(self.streams) < 2:
            raise ValueError(f"fusion = {self.fusion!r} needs two [streams.*] or more")
        return self

    @property
    def stream_configs(self) -> dict[str, Extract]:
        """How the features of each stream are made, by stream; empty if they come from a cache made elsewhere."""
        return self.streams or ({} if self.extract is None else {ONLY_STREAM: self.extract})


def read_recipe(path: Path | str, folder: Path = Path()) -> Recipe:
    """Read a recipe.

    Method names and the sections of single methods are not checked here, but by `distill.training_plan`.

    Args:
        path: a file, or the name of a recipe that comes with the project.
        folder: a relative file name is relative to this folder.

    Raises:
        UserError: there is no such recipe, it is not TOML, a key is unknown, a value is out of range, or its base has
            a base.
    """
    path = _find(Path(path), folder)
    sections = read_toml(path)
    if not isinstance(sections.get("base"), str):
        return parse_config(Recipe, sections, f"recipe {path}")
    base_path = _find(Path(sections["base"]), path.parent)
    base_sections = read_toml(base_path)
    if "base" in base_sections:
        further = base_sections["base"]
        raise UserError(f"recipe {path}: its base {base_path} has a base itself, {further}; base it on that one")
    base = parse_config(Recipe, base_sections, f"recipe {base_path}")
    del base_sections["name"]  # every recipe has its own
    return parse_config(Recipe, _merged(base_sections, sections) | {"base": base.name}, f"recipe {path}")


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        UserError: it cannot be read, or it is not TOML.
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
        raise UserError(f"{name} is a suite and not one recipe; give one of its rows, or `reproduce` the suite")
    known = ", ".join(sorted(path.stem for place in shipped for path in place.glob("*.toml")))
    suites = ", ".join(sorted(path.stem for path in (RECIPES / "suites").glob("*.toml")))
    raise UserError(f"no recipe {name}; give a file, or one of: {known}; the suites are {suites}")


def _merged(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Return the sections of both, merged key by key at every depth. A value of `own` replaces that of `base`."""
    both = [key for key in base.keys() & own.keys() if isinstance(base[key], dict) and isinstance(own[key], dict)]
    return base | own | {key: _merged(base[key], own[key]) for key in both}


def check_protocol(recipe: Recipe, protocol: str) -> None:
    """Refuse a manifest of another protocol than the recipe's. Subsets and hold-outs of the protocol are accepted.

    Raises:
        UserError: the protocols differ.
    """
    wanted = recipe.data.protocol
    if protocol != wanted and not protocol.startswith(wanted + "-"):
        raise UserError(
            f"recipe {recipe.name} is for protocol {wanted}, and the manifest is {protocol}; "
            "give the manifest of that protocol, or change data.protocol in a recipe of your own"
        )
