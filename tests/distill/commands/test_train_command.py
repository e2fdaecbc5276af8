"""`python -m distill train`: whose cache is whose, and that several are joined before training."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from common.command_line import run_cli
from common.errors import UserError
from distill.commands.app import app
from distill.commands.caches import name_caches
from distill.early_fusion import join_caches
from distill.feature_set import make_feature_set
from distill.run_folder import read_settings
from distill.run_settings import data_settings
from extract.cache import Cache, read_cache
from extract.cache_rows import Row
from extract.cache_writer import write_cache
from manifests.manifest import Manifest, write_manifest
from manifests.recipes.recipe import Recipe, read_recipe

STREAM = '[streams.{}]\nbackbone = "x"\nweights = "y"\nsegments = 5\n'


def recipe_text(*streams: str, fusion: str = "early") -> str:
    head = f'name = "r"\nseeds = [0]\nfusion = "{fusion}"\n[data]\ndataset = "other"\nprotocol = "made-up"\n'
    small = "[student]\nhidden = 4\n[teacher]\nhidden = 4\n[training]\nepochs = 1\n"
    return head + small + "[distillation]\nbeta = 0.5\n" + "".join(map(STREAM.format, streams))


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Recipe]:
    def write(*streams: str, fusion: str = "early") -> Recipe:
        (tmp_path / "r.toml").write_text(recipe_text(*streams, fusion=fusion))
        return read_recipe(tmp_path / "r.toml")

    return write


def test_a_file_alone_is_of_the_one_stream(make: Callable[..., Recipe]) -> None:
    for recipe, name in ((make(), "features"), (make("rgb"), "rgb")):
        assert name_caches(recipe, []) == {}
        assert name_caches(recipe, ["a/f.h5"]) == {name: Path("a/f.h5")}
        assert name_caches(recipe, ["seed=0/f.h5"]) == {name: Path("seed=0/f.h5")}
        assert name_caches(recipe, [f"{name}=f.h5"]) == {name: Path("f.h5")}
        with pytest.raises(UserError, match=r"two paths for recipe r, which has one stream: f\.h5 and g\.h5"):
            name_caches(recipe, ["f.h5", "g.h5"])


def test_the_recipes_order_not_the_command_lines(make: Callable[..., Recipe]) -> None:
    recipe = make("rgb", "skeleton")
    named = name_caches(recipe, ["skeleton=s=1.h5", "rgb=r.h5"])
    assert list(named.items()) == [("rgb", Path("r.h5")), ("skeleton", Path("s=1.h5"))]
    assert name_caches(recipe, ["skeleton=s.h5"]) == {"skeleton": Path("s.h5")}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (["r.h5"], r"--cache r\.h5: write NAME=PATH, NAME one of rgb, skeleton of recipe r"),
        (["depth=d.h5"], r"--cache depth=d\.h5: write NAME=PATH"),
        (["rgb="], r"--cache rgb=: write NAME=PATH"),
        (["rgb=a.h5", "rgb=b.h5"], r"two paths for stream rgb: a\.h5 and b\.h5"),
    ],
)
def test_what_is_nobodys_is_refused(make: Callable[..., Recipe], given: list[str], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        name_caches(make("rgb", "skeleton"), given)


@pytest.fixture
def files(tmp_path: Path, manifest: Manifest, cache: Cache) -> Path:
    """A manifest, and two caches of its clips, the second one lacking a training clip."""
    write_manifest(manifest, tmp_path / "m.csv")
    for name, factor, failed in (("rgb", 1, ""), ("skeleton", -2, "train_jump_3")):
        rows = [
            Row(clip, np.float32(factor) * features * (clip != failed), 40, clip != failed)
            for clip, features in zip(cache.clip_id, cache.features, strict=True)
        ]
        write_cache(tmp_path / f"{name}.h5", rows, cache.clip_id, cache.features.shape[1:], {"backbone": "x"})
    return tmp_path


def train(folder: Path, *options: object, method: str | None = "without") -> int:
    """Train a method as `python -m` does; return the exit status."""
    fixed = ["train", folder / "r.toml", "--manifest", folder / "m.csv", "--out", folder / "run"]
    words = [*fixed, *(["--method", method] if method else []), "--device", "cpu", *options]
    with pytest.raises(SystemExit) as end:
        run_cli(partial(app, [str(word) for word in words]))
    return int(end.value.code or 0)


def test_several_caches_are_joined(
    files: Path, manifest: Manifest, make: Callable[..., Recipe], capsys: pytest.CaptureFixture[str]
) -> None:
    make("rgb", "skeleton")
    both = ["--cache", f"skeleton={files / 'skeleton.h5'}", "--cache", f"rgb={files / 'rgb.h5'}"]
    assert train(files, *both) == 1
    said = capsys.readouterr()
    assert "stream skeleton: 1 clips have no features; the first: train_jump_3" in said.err
    assert "stream rgb" not in said.err
    assert "1 of 48 clips have no features" in said.err
    assert train(files, *both, "--allow-missing") == 0
    joined = join_caches({name: read_cache(files / f"{name}.h5") for name in ("rgb", "skeleton")})
    seen = make_feature_set(joined, manifest, allow_missing=True)
    assert read_settings(files / "run")["data"] == data_settings(seen)


def test_a_recipe_may_name_the_manifest(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", files / "own.toml", "--cache", files / "rgb.h5", "--out", files / "run", "--device", "cpu"]
    for manifest, status in (("", 1), ('manifest = "m.csv"\n', 0)):
        text = recipe_text().replace('protocol = "made-up"\n', manifest).replace('name = "r"\n', "")
        (files / "own.toml").write_text(text)
        with pytest.raises(SystemExit) as end:
            run_cli(partial(app, [*map(str, words), "--method", "without"]))
        assert int(end.value.code or 0) == status
    assert "recipe own names no manifest; give --manifest FILE" in capsys.readouterr().err
    assert read_settings(files / "run")["data"]["protocol"] == "made-up"


def one_stream(files: Path, text: str) -> list[str]:
    (files / "r.toml").write_text(text)
    return ["--cache", str(files / "rgb.h5")]


@pytest.mark.parametrize(
    ("text", "method", "sentence"),
    [
        (recipe_text().replace("beta = 0.5", "beta = 0.5\ntau = 5"), "self_distillation", "tau = 5 leaves no pair"),
        (recipe_text().replace("hidden = 4", "hidden = 5", 1), "teacher_lstm", "student.hidden = 5 is odd"),
        (recipe_text("rgb").replace("segments = 5", "segments = 6"), "without", "has 6 segments a clip, and the cache"),
    ],
)
def test_values_that_cannot_work_are_refused_before_the_run_folder_is_made(
    files: Path, capsys: pytest.CaptureFixture[str], text: str, method: str, sentence: str
) -> None:
    assert train(files, *one_stream(files, text), "--method", method) == 1
    assert sentence in " ".join(capsys.readouterr().err.split())
    assert not (files / "run").exists()


def test_a_value_that_the_method_does_not_read_is_no_hindrance(files: Path) -> None:
    text = recipe_text().replace("beta = 0.5", "beta = 0.5\ntau = 5").replace("hidden = 4", "hidden = 5", 1)
    assert train(files, *one_stream(files, text)) == 0


def test_a_finished_run_is_only_read_and_the_user_is_told(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = one_stream(files, recipe_text())
    assert train(files, *options) == 0
    assert "finished before" not in capsys.readouterr().err
    assert train(files, *options) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "run: 1 model was finished before, and only read now; after a change of code, give a new folder (" in said


@pytest.mark.parametrize(
    ("methods", "status", "said"),
    [
        ('["mean_linear"]', 0, "run: validation AUC"),
        ('["mean_linear", "knn"]', 0, "run: validation AUC"),
        ('["without", "with"]', 1, "method 'with' needs a teacher, trained with method 'teacher'"),
        ('["mean_linear", "without"]', 1, "give --method NAME, one of mean_linear, without"),
        ('["knn"]', 1, "give --method NAME, one of `python -m distill methods`; its own train no network"),
    ],
)
def test_without_a_method_it_is_one_of_the_recipe(
    files: Path, capsys: pytest.CaptureFixture[str], methods: str, status: int, said: str
) -> None:
    options = one_stream(files, f"methods = {methods}\n" + recipe_text())
    assert train(files, *options, method=None) == status
    output = capsys.readouterr()
    assert said in " ".join((output.out + output.err).split())
    if not status:
        assert read_settings(files / "run")["method"] == "mean_linear"


def test_one_class_and_features_that_are_not_finite_are_refused(
    files: Path, manifest: Manifest, cache: Cache, capsys: pytest.CaptureFixture[str]
) -> None:
    options = one_stream(files, recipe_text())
    clips = manifest.clips
    one = clips[(clips["split"] != "train") | (clips["class_name"] == "jump")]
    write_manifest(Manifest(one, manifest.classes), files / "m.csv")
    assert train(files, *options) == 1
    assert "all training clips of made-up are of one class" in " ".join(capsys.readouterr().err.split())
    write_manifest(manifest, files / "m.csv")
    features = cache.features.copy()
    features[cache.clip_id.index("validation_wave_2"), 3, 1] = np.nan
    rows = [Row(clip, each, 40, True) for clip, each in zip(cache.clip_id, features, strict=True)]
    write_cache(files / "rgb.h5", rows, cache.clip_id, cache.features.shape[1:], {"backbone": "x"})
    assert train(files, *options) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "the features of 1 of 18 clips are not all finite numbers; the first: validation_wave_2" in said
    assert not (files / "run").exists()


def test_early_fusion_needs_every_stream_and_late_fusion_trains_one(
    files: Path, make: Callable[..., Recipe], capsys: pytest.CaptureFixture[str]
) -> None:
    make("rgb", "skeleton")
    assert train(files, "--cache", f"rgb={files / 'rgb.h5'}") == 1
    assert "recipe r joins its streams; give --cache skeleton=FILE too" in capsys.readouterr().err
    make("rgb", "skeleton", fusion="late")
    assert train(files, "--cache", f"rgb={files / 'rgb.h5'}") == 0
    assert read_settings(files / "run")["data"]["cache_sha256"] == read_cache(files / "rgb.h5").content_sha256
