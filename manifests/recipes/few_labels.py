"""The section `[few_labels]`: the same features once more, trained with a part of the labels.

The results are in the subfolder `labels-FRACTION` of the recipe's results, beside those with the recipe's own labels.
"""

from pydantic import Field, field_validator

from manifests.recipes.data import each_once
from manifests.recipes.training import Labels, Seed


class FewLabels(Labels):
    """The second training: its labels, methods and seeds. All other values are the recipe's."""

    fraction: float = Field(default=0.1, gt=0, lt=1)  # of each class, drawn by seed; at least one clip of each
    methods: list[str] = Field(default=["without", "whole_clip"], min_length=1)  # rows of its results table
    seeds: list[Seed] = Field(
        default=list(range(10)),
        min_length=1,
        description="of its models; each seed draws other labelled clips, so a comparison needs ten or more",
    )

    @field_validator("seeds", "methods")
    @classmethod
    def _each_value_once(cls, values: list[object]) -> list[object]:
        return each_once(values)
