"""Suites: the shipped ones and their rows, what is merged into one recipe, and what is refused."""

from pathlib import Path

import pytest

from common.errors import UserError
from manifests.recipes.recipe import Recipe, read_recipe
from manifests.recipes.recipe_files import RECIPES
from manifests.recipes.suite import SUITES, find_suite, merge_rows, merged_into, read_suite

BASE = 'name = "one"\nseeds = [0]\n[data]\ndataset = "other"\nprotocol = "p"\n[distillation]\nbeta = 0.5\n'
SHIPPED = sorted(SUITES.glob("*.toml"))


def write(folder: Path, **files: str) -> Path:
    """Write NAME.toml for each, and return the suite `p` of all but the base and itself."""
    for name, text in ({"one": BASE} | files).items():
        (folder / f"{name}.toml").write_text(text)
    if "p" not in files:
        rows = ", ".join(f'"{name}.toml"' for name in files if not name.startswith("base"))
        (folder / "p.toml").write_text(f'name = "p"\ntitle = "P"\nrows = [{rows}]\n')
    return folder / "p.toml"


def row(name: str, method: str, more: str = "", base: str = "one.toml") -> str:
    return f'name = "{name}"\nbase = "{base}"\nmethods = ["{method}"]\n{more}'


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_suites_read_and_are_named_as_their_file(path: Path) -> None:
    suite, rows = read_suite(path)
    assert suite.name == path.stem
    assert [recipe.name for recipe in rows] == suite.rows
    assert find_suite(Path(path.stem)) == path
    assert not (RECIPES / path.name).exists()  # a bare name is of a recipe or of a suite


def test_every_shipped_row_stands_in_a_suite() -> None:
    rows = [name for path in SHIPPED for name in read_suite(path)[0].rows]
    assert sorted(rows) == sorted(path.stem for path in (RECIPES / "rows").glob("*.toml"))


def test_the_papers_tables_have_its_rows() -> None:
    """Base, method and share of labels of each, typed here by hand."""

    def rows(name: str) -> list[tuple[str | None, list[str], float]]:
        recipes = read_suite(SUITES / f"{name}.toml")[1]
        return [(recipe.base, list(recipe.methods), recipe.labels.fraction) for recipe in recipes]

    both = ("sysu", "ucf101")
    assert rows("table1") == [(base, [m], 1) for base in both for m in ("without", "teacher_student", "with")]
    methods = ("rank_lstm", "deep_scn", "knn", "msrnn", "ts_lstm", "without", "with")
    assert rows("table2") == [("ntu60", [method], 1) for method in methods]
    assert rows("table3") == [(base, [m], 0.1) for base in both for m in ("without", "ts_lstm", "with")]
    everything = [
        "teacher",
        "teacher_lstm",
        "knn",
        "mean_linear",
        "deep_scn",
        "ms_lstm",
        "rank_lstm",
        "msrnn",
        "ts_lstm",
    ]
    everything += ["east", "without", "teacher_student", "self_distillation", "with", "whole_clip"]
    base = "utd-mhad-statistics"
    assert rows("utd-mhad-suite") == [(base, everything, 1), (base, everything, 0.1)]


def test_rows_differ_from_their_base_in_methods_labels_and_seeds_only() -> None:
    own = {"methods", "labels", "seeds", "name", "base"}
    for path in (RECIPES / "rows").glob("*.toml"):
        recipe = read_recipe(path)
        base = read_recipe(Path(recipe.base or ""))
        assert recipe.model_dump(exclude=own) == base.model_dump(exclude=own)
        # With few labels each seed keeps other labels, so a row may have more seeds.
        assert recipe.seeds == base.seeds or (recipe.labels.fraction < 1 and len(recipe.seeds) >= 10)
        assert recipe.labels.fraction == 1 or recipe.labels.classification_weight == 0.5


def test_utd_mhads_methods_run_on_the_other_base_too(tmp_path: Path) -> None:
    text = (RECIPES / "rows" / "utd-mhad-methods.toml").read_text()
    other = tmp_path / "other.toml"
    other.write_text(text.replace('base = "utd-mhad-statistics"', 'base = "utd-mhad-skeleton"'))
    recipe = read_recipe(other)
    assert (recipe.base, recipe.extract) == ("utd-mhad-skeleton", read_recipe(Path("utd-mhad-skeleton")).extract)


def test_rows_of_a_base_that_differ_in_methods_only_are_one_recipe(tmp_path: Path) -> None:
    few = "[labels]\nfraction = 0.1\n"
    path = write(
        tmp_path,
        a=row("a", "with"),
        b=row("b", "with", base="base2.toml"),
        c=row("c", "without"),
        d=row("d", "with", few),
        e=row("e", "with").replace('["with"]', '["teacher_student", "with"]'),
        base2=BASE.replace('"one"', '"two"'),
    )
    rows = read_suite(path)[1]
    merged = merge_rows(rows)
    assert [(recipe.name, recipe.base, recipe.labels.fraction, recipe.methods) for recipe in merged] == [
        ("one", None, 1, ["with", "without", "teacher_student"]),
        ("two", None, 1, ["with"]),
        ("one", None, 0.1, ["with"]),
    ]
    own = [[recipe.name for recipe in rows if merged_into(recipe, whole)] for whole in merged]
    assert own == [["a", "c", "e"], ["b"], ["d"]]
    assert merged[0] == read_recipe(tmp_path / "one.toml").model_copy(update={"methods": merged[0].methods})


def test_a_recipe_without_base_and_a_row_of_it_are_one(tmp_path: Path) -> None:
    rows = read_suite(write(tmp_path, one=BASE, a=row("a", "teacher_student")))[1]
    (merged,) = merge_rows(rows)
    assert (merged.name, merged.methods) == ("one", ["without", "with", "teacher_student"])


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"a": row("a", "with"), "b": row("b", "with", "[training]\nepochs = 3\n")},
            "row b differs from another row of one in training, and they would share a folder",
        ),
        ({"a": row("x", "with"), "b": row("x", "without")}, "two of its rows are called x"),
        ({"p": 'name = "p"\ntitle = "P"\nrows = []\n'}, "rows: .*at least 1 item"),
        ({"p": 'name = "p"\ntitle = ""\nrows = ["a"]\n'}, "title: .*at least 1 character"),
        ({"p": 'name = "p"\ntitle = "P"\nrows = ["one.toml", "one.toml"]\n'}, "rows: a row is given twice"),
        ({"p": 'name = "p"\ntitl = "P"\nrows = ["a"]\n'}, "titl is not a key; did you mean title"),
        ({"p": 'name = "p"\ntitle = "P"\nrows = ["nowhere"]\n'}, "no recipe nowhere; give a file, or one of: .*ucf101"),
        ({"p": 'name = "a/b"\ntitle = "P"\nrows = ["one.toml"]\n'}, "name: .*pattern"),
    ],
)
def test_what_is_refused(tmp_path: Path, files: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_suite(write(tmp_path, **files))


def test_a_recipe_is_no_suite(tmp_path: Path) -> None:
    path = write(tmp_path, a=row("a", "with"))
    assert find_suite(path) == path
    for other in (tmp_path / "one.toml", Path("ucf101"), Path("nowhere"), tmp_path):
        assert find_suite(other) is None


def test_rows_are_looked_for_beside_the_suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    write(tmp_path / "elsewhere", a=row("wrong", "with"))
    monkeypatch.chdir(tmp_path / "elsewhere")
    path = write(tmp_path, a=row("right", "with"))
    (recipe,) = read_suite(path)[1]
    assert isinstance(recipe, Recipe)
    assert recipe.name == "right"
