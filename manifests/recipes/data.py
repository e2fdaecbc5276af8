"""The section `[data]` of a recipe: the data set and its protocol, or the manifest and the videos of your own."""

from pathlib import Path
from typing import TypeVar

from pydantic import Field, field_validator, model_validator

from common.config import Config
from common.errors import unknown_name

OTHER = "other"  # the data set of a recipe that needs a manifest of your own

V = TypeVar("V")


def each_once(values: list[V]) -> list[V]:
    """Return the values; raise ValueError if one is given twice."""
    twice = next((value for index, value in enumerate(values) if value in values[:index]), None)
    if twice is not None:
        raise ValueError(f"{twice!r} is given twice; keep one")
    return values


class Data(Config):
    """The data set, its protocol, and a choice of classes; for data of your own, its manifest and its files."""

    dataset: str  # a name of `DATASETS`, or "other": a manifest of your own
    protocol: str = ""  # the name of the division into splits; may be left out for "other": the manifest's
    classes: list[str] | None = Field(default=None, min_length=2)  # some of the classes, in any order; None: all
    compact_classes: bool = False  # renumber the subset 0, 1, … instead of keeping the official indices
    # Where the files are is no part of the experiment, so these two are in no record of a run.
    manifest: Path | None = Field(default=None, strict=False, exclude=True)  # relative to the recipe; only for "other"
    videos: Path | None = Field(default=None, strict=False, exclude=True)  # folder, as above; --videos replaces it

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
        return None if names is None else each_once(names)

    @model_validator(mode="after")
    def _files_are_of_other_data(self) -> "Data":
        if self.dataset != OTHER and not self.protocol:
            raise ValueError(f"dataset = {self.dataset!r} needs its protocol; only {OTHER!r} takes the manifest's")
        given = [key for key in ("manifest", "videos") if getattr(self, key) is not None]
        if self.dataset != OTHER and given:
            raise ValueError(
                f"{given[0]} is for dataset = {OTHER!r}; give --{given[0]} to `reproduce` for {self.dataset!r}"
            )
        return self
