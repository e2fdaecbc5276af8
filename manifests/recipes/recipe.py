"""A recipe: a TOML file with every value that decides one experiment.

An unknown key is refused with the nearest known one. All defaults are here and in `training.py`, none in the training
code. A recipe may have a base; it then contains only what differs from the base.

Methods belong to `distill`. So a recipe keeps the names of its methods and the sections of single methods (`[ts_lstm]`)
as they are written. `distill.training_plan` checks them.
"""

import difflib
import re
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator

from common.config import Config, parse_config
from common.errors import UserError
from manifests.recipes.data import Data, each_once
from manifests.recipes.recipe_files import find_recipe_file, read_sections
from manifests.recipes.training import Distillation, Labels, Student, Teacher, Training

ONLY_STREAM = "features"  # name of the stream of a recipe without [streams.*]
MOST_PIXELS, MOST_FRAMES, MOST_SECONDS = 8192, 10_000, 3600.0  # a larger value is a typing error
AUTO: Final = "auto"  # a value that is chosen when the recipe is run
TRAIN = "train"  # as weights: train the network first
MISSPELT = 0.75  # similarity from which an unknown section is taken for a misspelt one, not for a method's

Frames = Annotated[int, Field(ge=1, le=MOST_FRAMES)] | Literal["auto"]
Pictures = Literal["segment", "beginning", "both"]


def _is_none(value: object) -> bool:
    """Tell whether a key is left out. It is not written then, so records of recipes without it stay as they were."""
    return value is None


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

    backbone: str = Field(
        default=AUTO,
        description='videos: a network; skeletons: "va_cnn", or without a network "joints", "joint_statistics" or '
        '"two_person_statistics"; "auto": the best one that needs no download, chosen at the first run',
    )
    weights: str = Field(
        default=AUTO,
        description='a name in weights.toml, a file, "timm-package", "random", "none", or "train" (see va_cnn); '
        'left out only with backbone = "auto"',
    )
    column: str = Field(default="path", min_length=1)  # the manifest's column of the files: path or path_SOMETHING
    segments: int = Field(
        default=10,
        ge=1,
        le=MOST_FRAMES,
        description="N, the equal parts of a clip; the paper's value. With segment_seconds: the most that a clip has",
    )
    segment_seconds: float | None = Field(
        default=None,
        gt=0,
        le=MOST_SECONDS,
        exclude_if=_is_none,
        description="a segment lasts so long, from the beginning of the recording, and longer clips have more of "
        "them; for live streams, whose length nobody knows. Left out: every clip has N segments, whatever its length",
    )
    frame_rate: float | None = Field(
        default=None,
        gt=0,
        le=MOST_FRAMES,
        exclude_if=_is_none,
        description="frames a second of skeleton files and of folders of images, which do not say it; needed for these "
        "with segment_seconds. Video files have their own",
    )
    frames_per_segment: Frames = 8  # "joints" resamples to it; va_cnn ignores it; "auto": by the clips
    pictures: Pictures = "segment"  # va_cnn sees each segment alone, the clip up to its end, or both
    image_size: int | None = Field(default=None, ge=32, le=MOST_PIXELS)  # side of the network's input; None: its own
    precision: Literal["fp32", "bf16", "fp16", "auto"] = Field(
        default="fp32",
        description='of the network; skeletons stay fp32 until it; "auto": a faster one whose features agree with fp32 '
        "to a cosine of 0.999 on the first clips, chosen at the first run",
    )
    va_cnn: VaCnn | None = None  # with weights = "train": how they are trained; None: the defaults

    @property
    def frames(self) -> int:
        """The number of frames of a segment, F. `evaluate.pipeline` has replaced "auto" by a number before."""
        assert isinstance(self.frames_per_segment, int)
        return self.frames_per_segment

    @model_validator(mode="after")
    def _weights_are_of_a_backbone(self) -> "Extract":
        if AUTO in (self.backbone, self.weights) and self.backbone != self.weights:
            raise ValueError(
                f"weights = {self.weights!r} does not go with backbone = {self.backbone!r}; name both or neither"
            )
        return self

    @model_validator(mode="after")
    def _segments_of_fixed_length(self) -> "Extract":
        if self.frame_rate is not None and self.segment_seconds is None:
            raise ValueError("frame_rate is for segment_seconds, which is left out; leave both out or neither")
        if self.segment_seconds is not None and self.backbone == "va_cnn":
            raise ValueError("segment_seconds does not go with backbone = 'va_cnn', which is trained on parts of clips")
        return self

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
    where_others_belong: ClassVar[str] = (
        "a key of a method belongs to the section of the method, and `python -m distill methods` lists both"
    )

    name: str = Field(
        pattern=r"^[\w.-]+$",
        description='letters, digits, ".", "_", "-"; results are in out/NAME; '
        "left out: the name of the file, or for `recipe.toml` the name of its folder",
    )
    base: str | None = None  # the recipe that has what this one leaves out: a name, or a file beside it
    data: Data
    extract: Extract | None = None  # None: a cache made elsewhere, or several streams
    streams: dict[str, Extract] = Field(default_factory=dict)  # by name, for clips with several kinds of files
    fusion: Literal["early", "late", "compare"] = "early"  # join features, average probabilities, or show all
    methods: list[str] = Field(default=["without", "with"], min_length=1)  # rows of the results table, in its order
    labels: Labels = Labels()
    teacher: Teacher = Teacher()
    student: Student = Student()
    distillation: Distillation = Distillation()
    training: Training = Training()
    seeds: list[Annotated[int, Field(ge=0, lt=2**63)]] = Field(
        default=[0, 1, 2], min_length=1, description="each method is trained with each seed"
    )

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
        return each_once(values)

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
        if len({config.segment_seconds for config in self.streams.values()}) > 1:
            raise ValueError("streams are joined segment by segment; give all the same segment_seconds, or none")
        if self.fusion != "early" and len(self.streams) < 2:
            raise ValueError(f"fusion = {self.fusion!r} needs two [streams.*] or more")
        return self

    @model_validator(mode="after")
    def _cuts_need_segments_of_fixed_time(self) -> "Recipe":
        if self.training.random_cut and self.stream_configs and self.segment_seconds is None:
            raise ValueError(
                "training.random_cut needs segment_seconds: equal parts are shares of a whole clip, and a run of them "
                "would have other observation ratios; give segment_seconds, or leave random_cut out"
            )
        return self

    @property
    def segment_seconds(self) -> float | None:
        """How long a segment lasts, the same in all streams; None: N segments share the length of each clip."""
        return next((config.segment_seconds for config in self.stream_configs.values()), None)

    @property
    def stream_configs(self) -> dict[str, Extract]:
        """How the features of each stream are made, by stream; empty if they come from a cache made elsewhere."""
        return self.streams or ({} if self.extract is None else {ONLY_STREAM: self.extract})


def read_recipe(path: Path | str, folder: Path = Path()) -> Recipe:
    """Read a recipe.

    Method names and the sections of single methods are not checked here, but by `distill.training_plan`.

    Args:
        path: a file, or the name of a recipe that comes with the project. The manifest and the videos that it names
            are relative to it.
        folder: a relative file name is relative to this folder.

    Raises:
        UserError: there is no such recipe, it is not TOML, a key is unknown, a value is out of range, or its base has
            a base.
    """
    path = find_recipe_file(Path(path), folder)
    sections = read_sections(path)
    if not isinstance(sections.get("base"), str):
        return parse_config(Recipe, sections, f"recipe {path}")
    base_path = find_recipe_file(Path(sections["base"]), path.parent)
    base_sections = read_sections(base_path)
    if "base" in base_sections:
        further = base_sections["base"]
        raise UserError(f"recipe {path}: its base {base_path} has a base itself, {further}; base it on that one")
    base = parse_config(Recipe, base_sections, f"recipe {base_path}")
    del base_sections["name"]  # every recipe has its own
    return parse_config(Recipe, _merged(base_sections, sections) | {"base": base.name}, f"recipe {path}")


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
    if wanted and protocol != wanted and not protocol.startswith(wanted + "-"):
        raise UserError(
            f"recipe {recipe.name} is for protocol {wanted}, and the manifest is {protocol}; "
            "give the manifest of that protocol, or change data.protocol in a recipe of your own"
        )


def with_protocol(recipe: Recipe, protocol: str) -> Recipe:
    """Return the recipe with the manifest's protocol if it names none."""
    if recipe.data.protocol:
        return recipe
    return recipe.model_copy(update={"data": recipe.data.model_copy(update={"protocol": protocol})})
