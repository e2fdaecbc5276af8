"""Recipes: the shipped ones read, with the paper's values in them; wrong keys are refused with the nearest."""

from pathlib import Path

import pytest

from manifests.errors import UserError
from manifests.recipe import RECIPES, read_recipe

MINIMAL = 'name = "x"\nseeds = [0]\n[data]\ndataset = "ucf101"\nprotocol = "p"\n[distillation]\nbeta = 0.5\n'


def write(folder: Path, text: str) -> Path:
    path = folder / "r.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_recipes_read_and_are_named_as_their_file(path: Path) -> None:
    assert read_recipe(path).name == path.stem


@pytest.mark.parametrize(("name", "beta"), [("ucf101", 0.5), ("sysu", 1.0), ("ntu60", 1.0)])
def test_every_value_of_the_paper(name: str, beta: float) -> None:
    recipe = read_recipe(Path(name))
    assert (recipe.distillation.alpha, recipe.distillation.beta) == (0.5, beta)
    assert recipe.student.hidden == 512
    assert recipe.teacher.hidden == 256
    assert recipe.training.learning_rate == 0.01
    assert recipe.extract is None or recipe.extract.segments == 10


def test_unknown_key_names_the_nearest(tmp_path: Path) -> None:
    path = write(tmp_path, MINIMAL + "[training]\nlearning_rat = 0.1\n")
    with pytest.raises(UserError, match=r"training\.learning_rat is not a key; did you mean training\.learning_rate\?"):
        read_recipe(path)
    path = write(tmp_path, "nam = 1\n" + MINIMAL)
    with pytest.raises(UserError, match=r"nam is not a key; did you mean name\?"):
        read_recipe(path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("[training]\nepochs = 0\n", r"training\.epochs: .*greater than or equal to 1"),
        ("[student]\nhidden = 'wide'\n", r"student\.hidden: .*integer"),
        ("[extract]\nbackbone = 'x'\n", r"extract\.weights: .*required"),
        ("[", "cannot read the recipe"),
        ("[training]\nepochs = '3'\n", r"training\.epochs: .*integer"),
        ("[training]\nepochs = true\n", r"training\.epochs: .*integer"),
        ("[training]\nlearning_rate = inf\n", r"training\.learning_rate: .*finite"),
    ],
)
def test_wrong_values(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_recipe(write(tmp_path, MINIMAL + line))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seeds = [0]", "seeds = [0, 0]", "seeds: .*a seed stands twice"),
        ("seeds = [0]", "seeds = [-1]", r"seeds\.0: .*greater than or equal to 0"),
        ("seeds = [0]", "seeds = []", "seeds: .*at least 1 item"),
        ('name = "x"', 'name = "../x"', "name: .*pattern"),
    ],
)
def test_wrong_top_level_values(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_recipe(write(tmp_path, MINIMAL.replace(old, new)))


def test_no_such_recipe_lists_the_known() -> None:
    with pytest.raises(UserError, match=r"no recipe nowhere; give a file, or one of: .*ucf101"):
        read_recipe(Path("nowhere"))
