"""Training plans: what is resolved, and that everything that cannot work is refused with the nearest name."""

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest

from common.config import Config, parse_config
from common.errors import UserError
from distill.feature_set import FeatureSet
from distill.losses import Losses, labelled_mean
from distill.method import ClassicalMethod, LossInputs, Method, student_size
from distill.methods import METHODS
from distill.models import Outputs
from distill.run_settings import run_settings
from distill.training import train_model
from distill.training_plan import make_training_plan
from distill.training_state import ModelId
from distill.whole_recipe import complete_recipe, complete_recipe_model, read_whole_recipe
from manifests.recipes.recipe import Recipe, read_recipe
from manifests.recipes.suite import SUITES, read_suite

RECORDS = Path(__file__).parent / "data" / "run_settings.json"  # as the first release wrote them


def sections(**more: Any) -> dict[str, Any]:
    return {
        "name": "x",
        "seeds": [0],
        "data": {"dataset": "other", "protocol": "p"},
        "distillation": {"beta": 0.5},
        "extract": {"backbone": "va_cnn", "weights": "train", "va_cnn": {}},
    } | more


def recipe_with(**more: Any) -> Recipe:
    return parse_config(Recipe, sections(**more), "recipe")


def test_teachers_come_first() -> None:
    def stages(*methods: str) -> tuple[list[str], list[str]]:
        plan = make_training_plan(recipe_with(), methods)
        return plan.teachers, plan.students

    assert stages("with", "without") == (["teacher"], ["with", "without"])
    assert stages("without", "teacher") == ([], ["without", "teacher"])
    assert stages("teacher", "with") == (["teacher"], ["with"])
    assert stages("knn", "ts_lstm") == (["teacher_lstm"], ["ts_lstm"])


def test_a_plan_has_methods_settings_and_sizes() -> None:
    recipe = recipe_with(
        methods=["with", "ts_lstm", "deep_scn", "knn"],
        ts_lstm={"mmd": 0.25},
        deep_scn={"layers": 3},
        student={"hidden": 10},
        teacher={"hidden": 3},
    )
    plan = make_training_plan(recipe)
    assert plan.methods == ("with", "ts_lstm", "deep_scn", "knn")
    assert {name: own.hidden for name, own in plan.trained.items()} == {
        "teacher": 3,
        "with": 10,
        "teacher_lstm": 5,
        "ts_lstm": 10,
    }
    assert plan.trained["with"].settings == recipe.distillation
    assert plan.trained["teacher"].settings is None
    assert plan.trained["ts_lstm"].settings.model_dump() == {"alpha": 1.0, "mmd": 0.25}
    assert plan.classical["deep_scn"].settings.layers == 3
    assert plan.classical["knn"].settings is None
    assert plan.num_segments == 10


def test_every_shipped_row_can_be_resolved() -> None:
    for path in SUITES.glob("*.toml"):
        for recipe in read_suite(path)[1]:
            plan = make_training_plan(recipe)
            assert list(plan.methods) == recipe.methods


def test_the_suite_of_all_methods_has_all_that_came_with_it_in_the_order_of_the_dict() -> None:
    methods = read_recipe("utd-mhad-methods").methods
    assert methods == [name for name in METHODS if name in methods]
    trained = {record["settings"]["method"] for record in json.loads(RECORDS.read_text()).values()}
    assert set(methods) == trained | {"knn", "deep_scn"}


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"methods": ["witth"]}, r"recipe x: methods\.0: no method 'witth'; did you mean 'with'\?"),
        (
            {"methods": ["without", "transformer"]},
            r"methods\.1: no method 'transformer'; known: teacher, ",
        ),
        ({"east": {"orcle": 1.0}}, r"recipe x: east\.orcle is not a key; did you mean east\.oracle\?"),
        ({"eats": {"oracle": 1.0}}, r"recipe x: eats is not a key; did you mean east\?"),
        ({"rank_lsmt": {}}, r"rank_lsmt is not a key; did you mean rank_lstm\?"),
        ({"late": {"share": 0.5}}, r"recipe x: late is not a key; the keys here are name, .*spreading"),
        ({"transformer": {}}, r"transformer is not a key; the keys here are name, .*spreading"),
        ({"east": {"tau": 1}}, r"east\.tau is not a key; tau belongs to \[distillation\]"),
        ({"east": {"smoothness": 1.0}}, r"east\.smoothness is not a key; smoothness belongs to \[msrnn\]"),
        ({"ts_lstm": {"mmd": -1.0}}, r"ts_lstm\.mmd: .*greater than or equal to 0"),
        ({"rank_lstm": {"ranking": "marign"}}, r"rank_lstm\.ranking: must be 'score' or 'margin', not 'marign'"),
        ({"distillation": {"beta": 0.5, "tau": 10}}, r"recipe x, method with: tau = 10 .*from 1 to 9"),
        ({"student": {"hidden": 7}, "methods": ["ts_lstm"]}, r"student\.hidden = 7 is odd"),
    ],
)
def test_what_cannot_work_is_refused(more: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        make_training_plan(recipe_with(**more))


def test_messages_about_a_file_name_it(tmp_path: Path) -> None:
    for text, sentence in (
        ("[late]\nshare = 1.0\n", r"recipe .*/mine\.toml: late is not a key; the keys here are"),
        ("[east]\noracle = 'x'\n", r"recipe .*/mine\.toml: east\.oracle: must be a number, not 'x'"),
        ("[ts_lstm]\noracle = 1.0\n", r"/mine\.toml: ts_lstm\.oracle is not a key; oracle belongs to \[east\]"),
        ("late = 1.0\n", r"/mine\.toml: late is not a key; the keys here are .*`python -m distill methods` lists both"),
        ("methods = ['witth']\n", r"/mine\.toml: methods\.0: no method 'witth'"),
    ):
        (tmp_path / "mine.toml").write_text("base = 'ucf101'\n" + text)
        with pytest.raises(UserError, match=sentence):
            read_whole_recipe(tmp_path / "mine.toml")
    (tmp_path / "mine.toml").write_text("base = 'ucf101'\n")
    assert read_whole_recipe(tmp_path / "mine.toml") == read_recipe(tmp_path / "mine.toml")


def test_a_method_that_is_not_planned_may_be_impossible() -> None:
    recipe = recipe_with(distillation={"beta": 0.5, "tau": 10}, student={"hidden": 7}, methods=["without", "teacher"])
    assert make_training_plan(recipe).students == ["without", "teacher"]
    assert make_training_plan(recipe_with(distillation={"beta": 0.0, "tau": 10})).students == ["without", "with"]


def numeric_keys(kind: type[Config], path: str = "") -> Iterator[str]:
    """Yield every key of a recipe that takes a number, as in `training.epochs`."""
    for key, field in kind.model_fields.items():
        if get_origin(field.annotation) is dict:  # streams: each as `extract`
            continue
        for part in get_args(field.annotation) or (field.annotation,):
            if isinstance(part, type) and issubclass(part, Config):
                yield from numeric_keys(part, f"{path}{key}.")
            elif part in (int, float):
                yield f"{path}{key}"


OF_METHODS = [key for key in numeric_keys(complete_recipe_model()) if key not in set(numeric_keys(Recipe))]


def test_every_key_of_a_method_is_looked_at() -> None:
    assert {"spreading.reach", "east.oracle", "deep_scn.layers", "ts_lstm.mmd"} <= set(OF_METHODS)


@pytest.mark.parametrize("key", OF_METHODS)
def test_numbers_of_methods_that_cannot_work_are_refused(key: str) -> None:
    section, name = key.split(".")
    for value in (math.nan, math.inf, -math.inf, 1e300, 1e-300, -1.0, -1, True, "1"):
        with pytest.raises(UserError, match=f"recipe x: {key.replace('.', '[.]')}: "):
            complete_recipe(recipe_with(**{section: {name: value}}))
    with pytest.raises(UserError, match=r"deep_scn\.layers: .* less than"):
        complete_recipe(recipe_with(deep_scn={"layers": 10**6}))


def test_a_complete_recipe_has_every_section_and_is_complete() -> None:
    recipe = recipe_with(east={"oracle": 2.0})
    whole = complete_recipe(recipe)
    assert complete_recipe(whole).model_dump() == whole.model_dump()
    dump = whole.model_dump()
    assert dump["east"] == {"oracle": 2.0}
    assert {"ts_lstm", "rank_lstm", "msrnn", "east", "deep_scn", "spreading"} <= dump.keys()
    assert {key: value for key, value in dump.items() if key in recipe.model_dump()} == recipe.model_dump()


def test_run_folders_of_the_first_release_are_found(data: FeatureSet) -> None:
    """What decides a run is stored and compared with these very keys and values."""
    records = json.loads(RECORDS.read_text())
    trained = {name for name, method in METHODS.items() if isinstance(method, Method)}
    recorded = {record["settings"]["method"] for record in records.values()}
    assert recorded <= trained and len(recorded) == 13
    for record in records.values():
        there = record["settings"]
        recipe = parse_config(Recipe, record["recipe"], "the recipe of the record")
        plan = make_training_plan(recipe)
        assert {key: plan.record[key] for key in record["recipe"]} == record["recipe"]
        model = ModelId(there["method"], there["seed"])
        assert run_settings(plan, data, model, there.get("teacher_weights_sha256")) == there


def test_a_new_method_is_a_file_and_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else has to know of it: its section is read, checked and recorded."""

    class Mine(Config):
        strength: float = 2.0

    mine = ClassicalMethod(title="Mine", fit_predict=METHODS["knn"].fit_predict, section="mine", settings=Mine)  # type: ignore[union-attr]
    monkeypatch.setitem(METHODS, "mine", mine)
    plan = make_training_plan(recipe_with(methods=["mine"], mine={"strength": 3.0}))
    assert plan.classical["mine"].settings == Mine(strength=3.0)
    assert plan.record["mine"] == {"strength": 3.0}
    with pytest.raises(UserError, match=r"mine\.strenght is not a key; did you mean mine\.strength\?"):
        make_training_plan(recipe_with(methods=["mine"], mine={"strenght": 3.0}))


def test_a_new_method_is_trained_with_its_own_loss_and_settings(
    data: FeatureSet, make_recipe: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The example of CONTRIBUTING.md."""

    class Focal(Config):
        gamma: float = 2.0

    def loss(outputs: Outputs, inputs: LossInputs, settings: Focal) -> Losses:
        label = inputs.labels[..., None, None].expand(*outputs.logits.shape[:-1], 1)
        log_p = outputs.logits.log_softmax(-1).gather(-1, label).squeeze(-1)
        total = labelled_mean(-((1 - log_p.exp()) ** settings.gamma * log_p).mean(-1), inputs.labelled)
        return Losses(total, {"focal": total})

    method = Method(title="Focal", network="gru", hidden=student_size, loss=loss, section="focal", settings=Focal)
    monkeypatch.setitem(METHODS, "focal", method)
    recipe = make_recipe(epochs=2).model_dump() | {"methods": ["focal"]}

    def trained(**section: float) -> list[float]:
        plan = make_training_plan(parse_config(Recipe, recipe | {"focal": section}, "recipe"))
        assert run_settings(plan, data, ModelId("focal", 0), None)["focal"] == {"gamma": 2.0} | section
        return [epoch.loss for epoch in train_model(ModelId("focal", 0), plan, data).histories[0]]

    assert trained()[1] < trained()[0]
    baseline = train_model(ModelId("without", 0), make_training_plan(make_recipe(epochs=2)), data)
    assert trained(gamma=0.0) == pytest.approx([epoch.loss for epoch in baseline.histories[0]])
