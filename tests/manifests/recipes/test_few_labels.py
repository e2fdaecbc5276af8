"""The section `[few_labels]`: the second recipe has its labels, methods and seeds, and everything else of the first."""

from pathlib import Path

import pytest

from common.errors import UserError
from manifests.recipes.recipe import few_labels_recipe, read_recipe
from manifests.recipes.suite import merge_rows

OWN = """
[data]
dataset = "stick-figures"
protocol = "stick-figures-v1"
[few_labels]
fraction = 0.2
classification_weight = 0.5
rows_per_batch = 8
methods = ["without"]
seeds = [4, 5]
"""


def write(folder: Path, text: str, name: str = "own.toml") -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_the_second_recipe(tmp_path: Path) -> None:
    recipe = read_recipe(write(tmp_path, OWN))
    few = few_labels_recipe(recipe)
    assert few is not None
    assert few.labels.model_dump() == {"fraction": 0.2, "classification_weight": 0.5, "rows_per_batch": 8}
    assert (few.methods, few.seeds, few.few_labels) == (["without"], [4, 5], None)
    changed = {"labels", "methods", "seeds", "few_labels"}
    assert few.model_dump(exclude=changed) == recipe.model_dump(exclude=changed)
    assert few_labels_recipe(few) is None


def test_a_suite_leaves_it_out(tmp_path: Path) -> None:
    (merged,) = merge_rows([read_recipe(write(tmp_path, OWN))])
    assert merged.few_labels is None


def test_a_recipe_with_a_base_does_not_inherit_it(tmp_path: Path) -> None:
    write(tmp_path, OWN)
    assert read_recipe(write(tmp_path, 'base = "own.toml"\n', "row.toml")).few_labels is None


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ("fraction = 0.2", "fraction = 1.0", "few_labels.fraction: must be less than 1"),
        ("seeds = [4, 5]", "seeds = [4, 4]", "few_labels.seeds: 4 is given twice"),
        ("rows_per_batch = 8", "rows_per_batch = 32", "few_labels.rows_per_batch = 32 leaves no row for other clips"),
        ("[few_labels]", "[labels]\nfraction = 0.2\n[few_labels]", "would share a folder"),
    ],
)
def test_what_cannot_work_is_refused(tmp_path: Path, before: str, after: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence.replace("[", r"\[").replace(".", r"\.")):
        read_recipe(write(tmp_path, OWN.replace(before, after)))
