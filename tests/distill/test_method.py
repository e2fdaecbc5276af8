"""Entries of methods: what no recipe could use is refused when the entry is made, or when it stands beside others."""

from dataclasses import replace
from typing import Any

import pytest

from common.config import Config
from common.errors import UserError
from distill.method import Method, check_methods
from distill.methods import METHODS
from distill.methods.with_distillation import WITH
from distill.methods.without_distillation import WITHOUT
from manifests.recipes.training import Distillation, Student


class Fine(Config):
    strength: float = 1.0


class Other(Config):
    strength: float = 2.0


class NoDefault(Config):
    strength: float


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"title": "Focal, ours"}, "method 'Focal, ours': its title is empty or has a comma"),
        ({"title": ""}, "its title is empty"),
        ({"section": "mine"}, "method 'Mine' has only one of section and settings; give it both or neither"),
        ({"settings": Fine}, "only one of section and settings"),
        ({"section": "mine", "settings": NoDefault}, r"strength of \[mine\] has no default"),
        ({"section": "training", "settings": Fine}, r"\[training\] has another meaning in every recipe"),
        ({"section": "seeds", "settings": Fine}, r"\[seeds\] has another meaning in every recipe"),
        ({"section": "label", "settings": Fine}, "label looks like a misspelt labels; give the section another name"),
        ({"network": "transformer"}, "method 'Mine': no network 'transformer'; known: gru, bigru, "),
        ({"network": "gruu"}, "no network 'gruu'; did you mean 'gru'"),
        ({"needs_tau": True}, "method 'Mine' has needs_tau, so its settings need the keys beta and tau"),
        ({"needs_tau": True, "section": "mine", "settings": Fine}, "need the keys beta and tau"),
    ],
)
def test_an_entry_that_cannot_work_is_refused(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        replace(WITHOUT, **{"title": "Mine"} | changes)


def test_a_section_of_every_recipe_may_have_its_own_model() -> None:
    assert replace(WITH, title="Mine").settings is Distillation
    assert replace(WITHOUT, title="Mine", section="student", settings=Student).section == "student"


def mine(**changes: Any) -> Method:
    return replace(WITHOUT, **{"title": "Mine"} | changes)


@pytest.mark.parametrize(
    ("added", "sentence"),
    [
        ({"mine": mine(title="KNN")}, "methods 'knn' and 'mine' have the same title 'KNN'"),
        (
            {"mine": mine(section="mine", settings=Fine), "two": mine(title="Two", section="mine", settings=Other)},
            r"methods 'mine' and 'two' share \[mine\] and have different settings",
        ),
        ({"mine": mine(teacher="taecher")}, "method 'mine': its teacher: no method 'taecher'; did you mean 'teacher'"),
        ({"mine": mine(teacher="knn")}, "its teacher 'knn' must train a network and have no teacher itself"),
        ({"mine": mine(teacher="with")}, "its teacher 'with' must train a network and have no teacher itself"),
    ],
)
def test_methods_that_do_not_fit_one_another_are_refused(added: dict[str, Method], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        check_methods(METHODS | added)


def test_methods_may_share_a_section_and_a_teacher() -> None:
    check_methods(METHODS)
    check_methods(METHODS | {"mine": mine(teacher="teacher", section="distillation", settings=Distillation)})
