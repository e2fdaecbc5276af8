"""Recipes for data of your own: the data is all that they need to name."""

from pathlib import Path

import pytest

from common.errors import UserError
from manifests.recipes.recipe import check_protocol, read_recipe, with_protocol
from manifests.recipes.suite import merge_rows

OWN = '[data]\ndataset = "other"\n'


def write(folder: Path, text: str, name: str = "recipe.toml") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return folder / name


def test_a_recipe_needs_no_key_but_the_data(tmp_path: Path) -> None:
    recipe = read_recipe(write(tmp_path / "my clips", OWN))
    assert (recipe.name, recipe.seeds, recipe.methods) == ("my-clips", [0, 1, 2], ["without", "with"])
    assert (recipe.distillation.alpha, recipe.distillation.beta, recipe.distillation.tau) == (0.5, 0.5, 1)
    assert (recipe.data.protocol, recipe.extract) == ("", None)


@pytest.mark.parametrize(
    ("file", "name"),
    [("recipe.toml", "clips"), ("run 2.toml", "run-2"), ("a.b.toml", "a.b"), ("recipes.toml", "recipes")],
)
def test_the_name_is_that_of_the_file_or_its_folder(tmp_path: Path, file: str, name: str) -> None:
    assert read_recipe(write(tmp_path / "clips", OWN, file)).name == name
    assert read_recipe(write(tmp_path / "clips", 'name = "mine"\n' + OWN, file)).name == "mine"


def test_the_name_of_a_recipe_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "clips", OWN)
    monkeypatch.chdir(tmp_path / "clips")
    assert read_recipe("recipe.toml").name == "clips"


def test_manifest_and_videos_are_relative_to_the_file_that_names_them(tmp_path: Path) -> None:
    base = write(tmp_path / "a", OWN + 'manifest = "m.csv"\nvideos = "/data/v"\n', "base.toml")
    recipe = read_recipe(base)
    assert (recipe.data.manifest, recipe.data.videos) == (tmp_path / "a" / "m.csv", Path("/data/v"))
    row = read_recipe(write(tmp_path / "b", 'base = "../a/base.toml"\n[data]\nvideos = "v"\n', "row.toml"))
    assert row.data.manifest is not None
    assert row.data.manifest.resolve() == tmp_path / "a" / "m.csv"
    assert row.data.videos == tmp_path / "b" / "v"


def test_where_the_files_are_is_in_no_record(tmp_path: Path) -> None:
    recipe = read_recipe(write(tmp_path, OWN + 'manifest = "m.csv"\nvideos = "v"\n'))
    assert recipe.model_dump()["data"].keys() == {"dataset", "protocol", "classes", "compact_classes"}


def test_rows_with_other_files_are_not_merged(tmp_path: Path) -> None:
    write(tmp_path, OWN, "b.toml")
    text = 'base = "b.toml"\n[data]\nmanifest = "{}.csv"\n'
    rows = [read_recipe(write(tmp_path, text.format(name), f"{name}.toml")) for name in ("one", "two")]
    with pytest.raises(UserError, match=r"row two differs from another row of b in data\.manifest"):
        merge_rows(rows)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            '[data]\ndataset = "ucf101"\n',
            "data: dataset = 'ucf101' needs its protocol; only 'other' takes the manifest's",
        ),
        (
            '[data]\ndataset = "ucf101"\nprotocol = "p"\nmanifest = "m.csv"\n',
            "data: manifest is for dataset = 'other'; give --manifest to `reproduce` for 'ucf101'",
        ),
        (
            '[data]\ndataset = "ntu60"\nprotocol = "p"\nvideos = "v"\n',
            "data: videos is for dataset = 'other'; give --v",
        ),
        (OWN + "manifest = 3\n", r"data\.manifest: .*path"),
        ("", "data: this is required"),
    ],
)
def test_data_that_cannot_work_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        read_recipe(write(tmp_path, text))


def test_a_recipe_without_a_protocol_takes_the_manifests(tmp_path: Path) -> None:
    recipe = read_recipe(write(tmp_path, OWN))
    check_protocol(recipe, "anything")
    assert with_protocol(recipe, "anything").data.protocol == "anything"
    named = read_recipe(write(tmp_path, OWN + 'protocol = "p"\n'))
    assert with_protocol(named, "p-subset") == named
    with pytest.raises(UserError, match="is for protocol p, and the manifest is anything"):
        check_protocol(named, "anything")
