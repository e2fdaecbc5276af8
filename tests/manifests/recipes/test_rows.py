"""The recipes that come with the project: their weights are known, and the heads of rows have the published numbers."""

import re
from pathlib import Path

import pytest

from distill.methods import METHODS
from manifests.published import published_rows
from manifests.recipes.recipe import read_recipe
from manifests.recipes.recipe_files import RECIPES
from manifests.released_weights import read_weights

ROWS = sorted(RECIPES.glob("rows/*.toml"))


@pytest.mark.parametrize("path", [*sorted(RECIPES.glob("*.toml")), *ROWS], ids=lambda path: path.stem)
def test_recipes_name_weights_that_are_known(path: Path) -> None:
    streams = read_recipe(path).stream_configs
    assert streams
    for extract in streams.values():
        if extract.weights not in ("timm-package", "train", "none", "mediapipe"):
            assert read_weights()[extract.weights].backbone == extract.backbone


HEADER = re.compile(
    r"^# (?P<kind>Expected|Printed)(, (?P<method>[^:]+))?: "
    r"((?P<accuracy>\d[\d. ]*) at 20/40/60/80/100 %, )?"
    r"AUC (?P<auc>\d+\.\d+)(?P<other>: an area by another definition)?[.;]",
    flags=re.MULTILINE,
)


@pytest.mark.parametrize("path", ROWS, ids=lambda path: path.stem)
def test_a_row_says_where_it_is_from_and_what_to_expect(path: Path) -> None:
    """All that is published of a row's methods stands in its header, number by number, and nothing else."""
    text, recipe = path.read_text(encoding="utf-8"), read_recipe(path)
    header = text[: text.index("name =")]
    assert f"#   python -m evaluate reproduce {path.stem} --videos " in header
    assert "\n# Expected time: not measured." in header or re.search(
        r"\n# Expected time: \d+ minutes were measured on ", header
    )
    if recipe.data.dataset == "utd-mhad":
        assert "\n# Expected: nothing is printed, " in header
        assert not published_rows(recipe.data.protocol)
        return
    assert "\n# Tran, Balasubramanian, Hoai: Progressive Knowledge Distillation for Early Action" in header
    assert re.match(r"# (Table \d|Section 3\.2|Beside Table 2|Fig\. 3)\b", header)

    labels = "all" if recipe.labels.fraction == 1 else f"{100 * recipe.labels.fraction:g}%"
    published = {row.method: row for row in published_rows(recipe.data.protocol, labels)}
    names = [METHODS[method].published or "" for method in recipe.methods]
    rows = [published.get(name) or published.get(name.removesuffix("*")) for name in names]
    expected = [
        (
            row.method,
            [row.accuracy[ratio] for ratio in (20, 40, 60, 80, 100)] if row.accuracy else [],
            row.auc,
            row.auc_kind == "area-from-zero",
        )
        for row in rows
        if row
    ]
    found = [
        (
            stated["method"] or names[0],
            [*map(float, (stated["accuracy"] or "").split())],
            float(stated["auc"]),
            bool(stated["other"]),
        )
        for stated in HEADER.finditer(header)
    ]
    assert found == expected
    assert bool(expected) or "\n# Expected: nothing is printed.\n" in header
    own_features = ["TSM" in row.features or row.features == "VA-CNN" for row in rows if row]
    assert [stated["kind"] == "Expected" for stated in HEADER.finditer(header)] == own_features
