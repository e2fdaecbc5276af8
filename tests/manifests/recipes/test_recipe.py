"""Recipes: the shipped ones read, with the paper's values in them; wrong keys are refused with the nearest."""

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import pytest

from common.config import Config, parse_config
from common.errors import UserError
from manifests.recipes.extraction import Extract
from manifests.recipes.recipe import ONLY_STREAM, Recipe, read_recipe
from manifests.recipes.recipe_files import RECIPES

MINIMAL = 'name = "x"\nseeds = [0]\n[data]\ndataset = "ucf101"\nprotocol = "p"\n[distillation]\nbeta = 0.5\n'

RGB = '[streams.rgb]\nbackbone = "tsm_resnet50"\nweights = "random"\n'
SKELETON = '[streams.skeleton]\nbackbone = "va_cnn"\nweights = "train"\ncolumn = "path_skeleton"\n'


def write(folder: Path, text: str) -> Path:
    path = folder / "r.toml"
    path.write_text(text)
    return path


SHIPPED = sorted([*RECIPES.glob("*.toml"), *RECIPES.glob("rows/*.toml")])


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_recipes_read_and_are_named_as_their_file(path: Path) -> None:
    assert read_recipe(path).name == path.stem
    assert read_recipe(Path(path.stem)) == read_recipe(path)


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
    path = write(tmp_path, MINIMAL + "[training]\nstride = 0.1\n")
    with pytest.raises(UserError, match=r"training\.stride is not a key; the keys here are learning_rate, "):
        read_recipe(path)
    path = write(tmp_path, "nam = 1\n" + MINIMAL)
    with pytest.raises(UserError, match=r"nam is not a key; did you mean name\?"):
        read_recipe(path)


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ("[training]\ntau = 2\n", r"training\.tau is not a key; tau belongs to \[distillation\]"),
        ("[student]\nfusion = 'late'\n", "student.fusion .*; fusion belongs at the top of the file, before the first"),
        ("[training]\nrotation = 1\n", r"belongs to \[extract\.va_cnn\] or \[streams\.NAME\.va_cnn\]"),
        ("[training]\nframes_per_segment = 1\n", r"belongs to \[extract\] or \[streams\.NAME\]"),
        ("[student]\nlearning_rat = 1\n", r"did you mean .*\.learning_rate\?"),
        (
            "[training]\noracle = 1.0\n",
            r"training\.oracle .*dropout.*, mixup, .*; a key of a method belongs",
        ),
        (RGB + "tau = 1\n", r"streams\.rgb\.tau is not a key; tau belongs to \[distillation\]"),
    ],
)
def test_a_key_in_the_wrong_table_is_told_the_right_one(tmp_path: Path, lines: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        read_recipe(write(tmp_path, MINIMAL + lines))


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("m.csv", b"clip_id,path\nc0,c0.avi\n", "a CSV file, as manifests are"),
        ("f.h5", b"\x89HDF\r\n\x1a\n\0\0", "an HDF5 file, as feature caches and predictions are"),
        ("w.pth", b"PK\x03\x04\0", "a zip file"),
    ],
)
def test_another_kind_of_file_is_named(tmp_path: Path, name: str, content: bytes, kind: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=f"{re.escape(name)} is not a recipe but {kind}"):
        read_recipe(tmp_path / name)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("[training]\nepochs = 0\n", r"training\.epochs: .*greater than or equal to 1"),
        ("[student]\nhidden = 'wide'\n", r"student\.hidden: .*integer"),
        ("[extract]\nbackbone = 'x'\n", r"extract: weights = 'auto' does not go with backbone = 'x'; name both or n"),
        ("[extract]\nweights = 'x'\n", r"extract: weights = 'x' does not go with backbone = 'auto'; name both or n"),
        (
            "[extract]\nframes_per_segment = 'all'\n",
            r"extract\.frames_per_segment: .*integer, not 'all'; .*must be 'auto', n",
        ),
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
        ("seeds = [0]", "seeds = [0, 0]", "seeds: .*0 is given twice; keep one"),
        ("seeds = [0]", "seeds = [-1]", r"seeds\.0: .*greater than or equal to 0"),
        ("seeds = [0]", "seeds = []", "seeds: .*at least 1 item"),
        ('name = "x"', 'name = "../x"', "name: .*pattern"),
    ],
)
def test_wrong_top_level_values(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_recipe(write(tmp_path, MINIMAL.replace(old, new)))


def numeric_keys(kind: type[Config], path: str = "") -> Iterator[tuple[str, type]]:
    """Yield every key of a recipe that takes a number, as in `training.epochs`, with its type."""
    for key, field in kind.model_fields.items():
        if get_origin(field.annotation) is dict:  # streams: each as `extract`
            continue
        for part in get_args(field.annotation) or (field.annotation,):
            if get_origin(part) is Annotated:  # with limits of its own beside "auto"
                part = get_args(part)[0]
            if isinstance(part, type) and issubclass(part, Config):
                yield from numeric_keys(part, f"{path}{key}.")
            elif part in (int, float):
                yield f"{path}{key}", part


NUMBERS = dict(numeric_keys(Recipe))
MOST = {"teacher.hidden": 10**6, "student.hidden": 10**6, "extract.segments": 10**6, "extract.image_size": 10**6}
MOST |= {"extract.frames_per_segment": 10**6, "training.batch_size": 10**9, "training.epochs": 10**9}
MOST |= {"extract.va_cnn.seed": 2**63, "extract.va_cnn.epochs": 10**9}


def test_every_numeric_key_is_looked_at() -> None:
    assert {"distillation.tau", "training.mixup", "extract.va_cnn.rotation", "distillation.alpha"} <= NUMBERS.keys()
    assert MOST.keys() <= NUMBERS.keys() and len(NUMBERS) > 30


def with_value(key: str, value: object) -> dict[str, Any]:
    recipe: dict[str, Any] = {
        "name": "x",
        "seeds": [0],
        "data": {"dataset": "other", "protocol": "p"},
        "distillation": {"beta": 0.5},
        "extract": {"backbone": "va_cnn", "weights": "train", "va_cnn": {}},
    }
    *tables, last = key.split(".")
    inner = recipe
    for table in tables:
        inner = inner.setdefault(table, {})
    inner[last] = value
    return recipe


@pytest.mark.parametrize("key", NUMBERS)
def test_numbers_that_cannot_work_are_refused(key: str) -> None:
    for value in (math.nan, math.inf, -math.inf, 1e300, 1e-300, -1.0, -1, True, "1"):
        with pytest.raises(UserError, match=f"recipe: {key.replace('.', '[.]')}: "):
            parse_config(Recipe, with_value(key, value), "recipe")


@pytest.mark.parametrize("key", MOST)
def test_sizes_that_are_typing_errors_are_refused(key: str) -> None:
    with pytest.raises(UserError, match=f"recipe: {key.replace('.', '[.]')}: .* less than"):
        parse_config(Recipe, with_value(key, MOST[key]), "recipe")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("data.classes", [], "data.classes: .*at least 2 items"),
        ("data.classes", ["wave"], "data.classes: .*at least 2 items"),
        ("data.classes", ["wave", "jump", "wave"], "data.classes: 'wave' is given twice; keep one"),
        ("methods", ["with", "without", "with"], "methods: 'with' is given twice; keep one"),
        ("methods", [], "methods: .*at least 1 item"),
        ("seeds", [2**63], r"seeds\.0: .*less than"),
        ("seeds", [0.5], r"seeds\.0: .*integer"),
        ("training.learning_rate", 1e-40, "beyond the range of float32"),
        ("labels.rows_per_batch", 32, r"rows_per_batch = 32 leaves no row for other clips in batches of 32"),
    ],
)
def test_lists_and_sizes_that_cannot_work_are_refused(key: str, value: object, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_config(Recipe, with_value(key, value), "recipe")


def test_no_such_recipe_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"the recipe .*mine/recpie\.toml does not exist; correct the path, or give"):
        read_recipe(Path("mine/recpie.toml"))
    (tmp_path / "recipe.toml").write_text(MINIMAL)
    (tmp_path / "joints.toml").write_text("names = []")
    only = f"{tmp_path}/recipe.toml"
    with pytest.raises(UserError, match=f"not a recipe but a folder; {only} is in it: give that"):
        read_recipe(tmp_path)
    for misspelt in ("recip.toml", "recip"):
        with pytest.raises(UserError, match=f"{misspelt} does not exist; {only} is there: give that"):
            read_recipe(tmp_path / misspelt)
    (tmp_path / "second.toml").write_text("base = 'recipe.toml'")
    with pytest.raises(UserError, match=rf"did you mean {only}\? in {tmp_path} are {only}, .*second.toml: give one"):
        read_recipe(tmp_path / "recip.toml")
    with pytest.raises(UserError, match=r"no recipe nowhere; give a file, or one of: .*ucf101"):
        read_recipe(Path("nowhere"))


@pytest.mark.parametrize(("name", "nearest"), [("ufc101", "ucf101"), ("tabel1", "table1")], ids=["recipe", "suite"])
def test_a_misspelt_name_gets_the_nearest_one(name: str, nearest: str) -> None:
    with pytest.raises(UserError, match=f"no recipe {name}; did you mean {nearest}\\? give a file, or one of: "):
        read_recipe(name)


def test_streams_keep_their_order_and_the_one_stream_has_a_name(tmp_path: Path) -> None:
    for streams, names in ((RGB + SKELETON, ["rgb", "skeleton"]), (SKELETON + RGB, ["skeleton", "rgb"])):
        recipe = read_recipe(write(tmp_path, MINIMAL + streams))
        assert list(recipe.stream_configs) == names
        assert (recipe.fusion, recipe.stream_configs["skeleton"].column) == ("early", "path_skeleton")
    recipe = read_recipe(write(tmp_path, MINIMAL + RGB.replace("streams.rgb", "extract")))
    assert recipe.stream_configs == {ONLY_STREAM: recipe.extract}
    assert read_recipe(write(tmp_path, MINIMAL)).stream_configs == {}


@pytest.mark.parametrize("fusion", ["late", "compare"])
def test_fusion_of_two_streams_or_more(tmp_path: Path, fusion: str) -> None:
    text = f"fusion = '{fusion}'\n{MINIMAL}"
    assert read_recipe(write(tmp_path, text + RGB + SKELETON)).fusion == fusion
    for streams in ("", RGB, RGB.replace("streams.rgb", "extract")):
        with pytest.raises(UserError, match=rf"toml: fusion = '{fusion}' needs two \[streams\.\*\] or more"):
            read_recipe(write(tmp_path, text + streams))


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        (RGB + RGB.replace("streams.rgb", "extract"), r"\[extract\] is for one stream .* leave one out"),
        (RGB + SKELETON + "segments = 5\n", "rgb has 10, skeleton has 5 segments; give all the same number"),
        (RGB.replace("rgb", '"r g"'), r"streams: 'r g' is no name for a stream; use letters, digits, _ and -"),
        (RGB.replace("rgb", '"../rgb"'), "streams: '../rgb' is no name"),
        (RGB.replace("rgb", '""'), "streams: '' is no name"),
        (RGB.replace("rgb", '"rgb\\n"'), "streams: .* is no name"),
        (RGB.replace('"random"', '"train"'), r"streams\.rgb: weights = 'train' is for backbone = 'va_cnn'; 'tsm_res"),
        (RGB + "[streams.rgb.va_cnn]\n", r"streams\.rgb: \[va_cnn\] configures a training, and weights = 'random'"),
        (
            SKELETON.replace('"train"', '"f.safetensors"') + "va_cnn = {epochs = 3}\n",
            "weights = 'f.safetensors' trains",
        ),
        (
            RGB + "pictures = 'both'\n",
            r"streams\.rgb: pictures = 'both' is for backbone = 'va_cnn'; 'tsm_resnet50' draws",
        ),
        (SKELETON + "va_cnn = {epochs = 0}\n", r"streams\.skeleton\.va_cnn\.epochs: .*greater than or equal to 1"),
        ("[streams]\nrgb = 3\n", r"streams\.rgb: must be a section"),
        ("[streams.rgb]\nbackbone = 'x'\n", r"streams\.rgb: weights = 'auto' does not go with backbone = 'x'"),
    ],
)
def test_streams_that_do_not_go_together(tmp_path: Path, tables: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as refused:
        read_recipe(write(tmp_path, MINIMAL + tables))
    assert "Value error" not in str(refused.value)


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        (SKELETON + "frame_per_segment = 3\n", "streams.skeleton.frames_per_segment"),
        (SKELETON + "[streams.skeleton.va_cnn]\nlearning_rat = 1.0\n", "streams.skeleton.va_cnn.learning_rate"),
        (SKELETON.replace("streams.skeleton", "extract") + "va_cnn = {epoch = 3}\n", "extract.va_cnn.epochs"),
        (RGB.replace("streams", "stream"), "streams"),
        ("[extract]\nbackbone = 'x'\nweight = 'y'\n", "extract.weights"),
    ],
)
def test_unknown_keys_of_tables_in_tables_name_the_nearest(tmp_path: Path, tables: str, message: str) -> None:
    with pytest.raises(UserError, match=rf"is not a key; did you mean {re.escape(message)}\?"):
        read_recipe(write(tmp_path, MINIMAL + tables))


def test_a_va_cnn_is_trained_by_its_defaults_where_no_table_says_how() -> None:
    table = {"backbone": "va_cnn", "weights": "train"}
    assert parse_config(Extract, table, "options").va_cnn is None
    assert parse_config(Extract, {**table, "va_cnn": {"epochs": 3}}, "options").va_cnn is not None
    with pytest.raises(UserError, match="^options: weights = 'train' is for backbone = 'va_cnn'"):
        parse_config(Extract, {**table, "backbone": "joints"}, "options")


def test_utd_mhads_recipes_see_the_same_skeletons() -> None:
    """One takes the cache of the other."""
    assert read_recipe(Path("utd-mhad")).streams["skeleton"] == read_recipe(Path("utd-mhad-skeleton")).extract


BASED = 'name = "row"\nbase = "r.toml"\n'


def write_row(folder: Path, text: str, base: str) -> Path:
    write(folder, base)
    path = folder / "row.toml"
    path.write_text(text)
    return path


def test_a_base_gives_what_a_row_does_not_say(tmp_path: Path) -> None:
    more = "[training]\nepochs = 3\nbatch_size = 5\n" + SKELETON + "va_cnn = {epochs = 7, patience = 4}\n"
    own = BASED + "methods = ['with']\n[training]\nepochs = 9\n[streams.skeleton.va_cnn]\nepochs = 8\n"
    recipe = read_recipe(write_row(tmp_path, own, MINIMAL + more))
    assert (recipe.name, recipe.base, recipe.methods, recipe.seeds) == ("row", "x", ["with"], [0])
    assert (recipe.training.epochs, recipe.training.batch_size, recipe.distillation.beta) == (9, 5, 0.5)
    va_cnn = recipe.streams["skeleton"].va_cnn
    assert va_cnn is not None
    assert (va_cnn.epochs, va_cnn.patience, recipe.streams["skeleton"].column) == (8, 4, "path_skeleton")


def test_lists_of_a_row_stand_for_themselves_and_streams_keep_the_order_of_the_base(tmp_path: Path) -> None:
    own = BASED + "seeds = [4]\n[streams.skeleton]\nframes_per_segment = 3\n"
    recipe = read_recipe(write_row(tmp_path, own, MINIMAL.replace("[0]", "[0, 1, 2]") + RGB + SKELETON))
    assert recipe.seeds == [4]
    assert list(recipe.streams) == ["rgb", "skeleton"]


def test_a_base_by_its_bare_name() -> None:
    row, base = read_recipe(Path("table3-sysu-with")), read_recipe(Path("sysu"))
    assert row.base == "sysu"
    assert row.model_dump(exclude={"name", "base", "methods", "labels"}) == base.model_dump(
        exclude={"name", "base", "methods", "labels"}
    )


@pytest.mark.parametrize(
    ("own", "base", "message"),
    [
        (BASED + "[training]\nepoch = 3\n", MINIMAL, r"row\.toml: training\.epoch is not a key; .* training\.epochs"),
        (BASED + "bass = 'x'\n", MINIMAL, r"row\.toml: bass is not a key; did you mean base"),
        (BASED, MINIMAL + "[training]\nepoch = 3\n", r"/r\.toml: training\.epoch is not a key"),
        (
            BASED,
            MINIMAL.replace("seeds", "base = 'ucf101'\nseeds"),
            r"row\.toml: its base .*r\.toml has a base itself, u",
        ),
        (BASED.replace("r.toml", "nowhere"), MINIMAL, "no recipe nowhere; give a file, or one of: .*table1-sysu-with"),
        ('base = "r.toml"\nname = ""\n', MINIMAL, r"row\.toml: name: .*pattern"),
        ('name = "row"\nbase = 3\n', MINIMAL, r"row\.toml: base: must be text in quotation marks, not 3"),
        (BASED + "[extract]\nbackbone = 'x'\nweights = 'y'\n", MINIMAL + RGB, r"\[extract\] is for one stream"),
    ],
)
def test_bases_that_are_refused(tmp_path: Path, own: str, base: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_recipe(write_row(tmp_path, own, base))


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ("[distilation]\nbeta = 1.0\n", r"distilation is not a key; did you mean distillation\?"),
        ("[labell]\nfraction = 0.5\n", r"labell is not a key; did you mean labels\?"),
        ("[Training]\nepochs = 3\n", r"Training is not a key; did you mean training\?"),
    ],
)
def test_a_misspelt_section_is_not_taken_for_a_methods(tmp_path: Path, lines: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        read_recipe(write(tmp_path, MINIMAL + lines))


def test_all_that_is_wrong_is_named_at_once(tmp_path: Path) -> None:
    text = MINIMAL.replace("[distillation]", "[distilation]").replace("seeds", "seed").replace("dataset", "data_set")
    with pytest.raises(UserError) as refused:
        read_recipe(write(tmp_path, text))
    for sentence in ("data.dataset: this is required", "did you mean distillation?", "did you mean seeds?"):
        assert sentence in str(refused.value)


def test_methods_and_their_sections_are_kept_as_they_are_written(tmp_path: Path) -> None:
    """`distill.training_plan` checks them."""
    text = 'methods = ["mine"]\n' + MINIMAL + "[mine]\nstrength = 2\n"
    recipe = read_recipe(write(tmp_path, text))
    assert recipe.methods == ["mine"]
    assert recipe.model_extra == {"mine": {"strength": 2}}
    assert parse_config(Recipe, recipe.model_dump(), "recipe") == recipe
    row = read_recipe(write_row(tmp_path, BASED + "[mine]\nother = 1\n", text))
    assert row.model_extra == {"mine": {"strength": 2, "other": 1}}
