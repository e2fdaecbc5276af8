"""A recipe: a TOML file with every value that decides one experiment.

An unknown key is refused with the nearest known one. All defaults are here and in `training.py`, none in the training
code. A recipe may have a base; it then contains only what differs from the base.

Methods belong to `distill`. So a recipe keeps the names of its methods and the sections of single methods (`[ts_lstm]`)
as they are written. `distill.training_plan` checks them.
"""

import difflib
import re
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator

from common.config import Config, parse_config
from common.errors import UserError
from manifests.recipes.data import Data, each_once
from manifests.recipes.extraction import Extract, is_none
from manifests.recipes.few_labels import FewLabels
from manifests.recipes.recipe_files import find_recipe_file, read_sections
from manifests.recipes.training import Distillation, Labels, Seed, Student, Teacher, Training

ONLY_STREAM = "features"  # name of the stream of a recipe without [streams.*]
MISSPELT = 0.75  # similarity from which an unknown section is taken for a misspelt one, not for a method's


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
    few_labels: FewLabels | None = Field(
        default=None,
        exclude_if=is_none,
        description="a second training of the same features with a part of the labels; left out: none",
    )
    teacher: Teacher = Teacher()
    student: Student = Student()
    distillation: Distillation = Distillation()
    training: Training = Training()
    seeds: list[Seed] = Field(default=[0, 1, 2], min_length=1, description="each method is trained with each seed")

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
        for name, labels in (("labels", self.labels), ("few_labels", self.few_labels)):
            if labels is not None and labels.rows_per_batch >= self.training.batch_size:
                raise ValueError(
                    f"{name}.rows_per_batch = {labels.rows_per_batch} leaves no row for other clips in batches of "
                    f"{self.training.batch_size}; make it smaller, or training.batch_size larger"
                )
        return self

    @model_validator(mode="after")
    def _few_labels_have_a_folder_of_their_own(self) -> "Recipe":
        if self.few_labels is not None and self.few_labels.fraction == self.labels.fraction:
            raise ValueError("few_labels.fraction is that of [labels], and their results would share a folder")
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
    for own in ("name", "few_labels"):  # of every recipe alone
        base_sections.pop(own, None)
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


def few_labels_recipe(recipe: Recipe) -> Recipe | None:
    """Return the recipe of the second training; None: the recipe has none."""
    few = recipe.few_labels
    if few is None:
        return None
    labels = Labels(**few.model_dump(include=set(Labels.model_fields)))
    return recipe.model_copy(update={"labels": labels, "methods": few.methods, "seeds": few.seeds, "few_labels": None})
