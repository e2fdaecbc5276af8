"""The training plan: a recipe resolved into what the training needs.

A recipe is resolved once, before anything is decoded or trained. Everything about the training that can be refused is
refused here. After that the training gets the plan and not the recipe.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Generic, TypeVar

from pydantic import ConfigDict, create_model

from common.config import Config, key_hint, parse_config
from common.errors import UserError
from distill.losses import check_tau
from distill.method import ClassicalMethod, HiddenSizes, Method
from distill.methods import METHODS, find_method
from manifests.recipes.recipe import Recipe, check_protocol
from manifests.recipes.training import Labels, Training

NOT_TRAINED = {"name", "base", "data", "extract", "streams", "fusion"}  # keys of a recipe that no training reads
M = TypeVar("M", Method, ClassicalMethod)
Values = Mapping[str, Any]  # what one combination of a sweep changes: `distillation.alpha` → 0.5


@dataclass(frozen=True)
class MethodPlan(Generic[M]):
    """One method of a plan.

    Attributes:
        name: the method's name in recipes.
        method: its entry.
        settings: its own settings, an instance of `method.settings`; None: it has none.
        hidden: units of its network's recurrent layer, per direction; 0 for a classical method.
    """

    name: str
    method: M
    settings: Any
    hidden: int = 0


@dataclass(frozen=True)
class TrainingPlan:
    """What to train and how.

    Attributes:
        recipe: the recipe's name, for messages.
        methods: names of the methods, in the order of the results table.
        trained: the methods that train a network, by name: those of `methods` and the teachers that they need.
        classical: the other ones of `methods`, by name.
        seeds: each method is trained with each of them.
        labels: how many labels may be read.
        training: the configuration of SGD.
        num_segments: N, if the recipe determines it.
        record: the whole recipe with all defaults as plain values, for run folders and provenance.
    """

    recipe: str
    methods: tuple[str, ...]
    trained: Mapping[str, MethodPlan[Method]]
    classical: Mapping[str, MethodPlan[ClassicalMethod]]
    seeds: tuple[int, ...]
    labels: Labels
    training: Training
    num_segments: int | None = None
    record: Mapping[str, Any] = field(default_factory=dict)

    @property
    def teachers(self) -> list[str]:
        """The methods that other methods need as teachers. They are trained first."""
        needed = (self.trained[name].method.teacher for name in self.methods if name in self.trained)
        return list(dict.fromkeys(name for name in needed if name))

    @property
    def students(self) -> list[str]:
        """The trained methods that are not among the teachers."""
        return [name for name in self.methods if name in self.trained and name not in self.teachers]


def make_training_plan(recipe: Recipe, methods: Sequence[str] | None = None) -> TrainingPlan:
    """Resolve a recipe.

    Args:
        recipe: as `read_recipe` returns it.
        methods: the methods to train, with their teachers; None: all methods of the recipe.

    Raises:
        UserError: there is no such method, a method's section has an unknown key or a value out of range, a network
            cannot have the size asked for, or τ leaves no pair of segments.
    """
    recipe = complete_recipe(recipe)
    names = tuple(recipe.methods if methods is None else methods)
    sections = {name: value for name in type(recipe).model_fields if isinstance(value := getattr(recipe, name), Config)}
    trained, classical = plan_methods(names, sections, HiddenSizes(recipe.student.hidden, recipe.teacher.hidden))
    plan = TrainingPlan(
        recipe=recipe.name,
        methods=names,
        trained=trained,
        classical=classical,
        seeds=tuple(recipe.seeds),
        labels=recipe.labels,
        training=recipe.training,
        # all streams have the same number
        num_segments=next((config.segments for config in recipe.stream_configs.values()), None),
        record=recipe.model_dump(),
    )
    if plan.num_segments is not None:
        check_num_segments(plan, plan.num_segments)
    return plan


def complete_recipe(recipe: Recipe) -> Recipe:
    """Return a recipe in which the sections of all methods are checked and have their defaults.

    Raises:
        UserError: a method, a section or a key is unknown (with the nearest name), or a value is out of range.
    """
    whole = parse_config(complete_recipe_model(), recipe.model_dump(), f"recipe {recipe.name}")
    for index, name in enumerate(whole.methods):
        try:
            find_method(name)
        except UserError as error:
            raise UserError(f"recipe {recipe.name}: methods.{index}: {error}") from error
    return whole


class _ClosedRecipe(Recipe):
    """A recipe that refuses unknown sections."""

    model_config = ConfigDict(extra="forbid")


def complete_recipe_model() -> type[Recipe]:
    """Return the model of a recipe that has the sections of all methods as fields."""
    sections = {entry.section: entry.settings for entry in METHODS.values() if entry.section and entry.settings}
    own: dict[str, Any] = {
        name: (settings, settings()) for name, settings in sections.items() if name not in Recipe.model_fields
    }
    model: type[Recipe] = create_model("CompleteRecipe", __base__=_ClosedRecipe, **own)
    return model


def plan_methods(
    names: Iterable[str], sections: Mapping[str, Config], sizes: HiddenSizes
) -> tuple[dict[str, MethodPlan[Method]], dict[str, MethodPlan[ClassicalMethod]]]:
    """Return the plans of methods and of their teachers: those with a network, and the others.

    Args:
        names: the methods.
        sections: the configs of a recipe, by section.
        sizes: of the paper's two networks.

    Raises:
        UserError: there is no such method, or its network cannot have this size.
    """
    trained: dict[str, MethodPlan[Method]] = {}
    classical: dict[str, MethodPlan[ClassicalMethod]] = {}
    for name in names:
        for each in filter(None, (find_method(name).teacher, name)):
            method = find_method(each)
            settings = sections[method.section] if method.section else None
            if isinstance(method, Method):
                trained[each] = MethodPlan(each, method, settings, method.hidden(sizes))
            else:
                classical[each] = MethodPlan(each, method, settings)
    return trained, classical


def check_inputs(recipe: Recipe, protocol: str, streams: Collection[str]) -> None:
    """Refuse a manifest or feature caches that do not belong to a recipe.

    Args:
        recipe: with early fusion, all of its streams are needed.
        protocol: of the manifest.
        streams: the streams whose caches are given.

    Raises:
        UserError: the manifest has another protocol, or a stream has no cache.
    """
    check_protocol(recipe, protocol)
    lacking = [name for name in recipe.streams if name not in streams]
    if lacking and recipe.fusion == "early":
        raise UserError(f"recipe {recipe.name} joins its streams; give --cache {lacking[0]}=FILE too")
    if not streams:
        raise UserError(f"recipe {recipe.name}: no feature cache is given")


def check_num_segments(plan: TrainingPlan, num_segments: int) -> None:
    """Refuse features with a number of segments that the plan cannot work with.

    Raises:
        UserError: the recipe has another N, or τ leaves no pair of segments.
    """
    if plan.num_segments not in (None, num_segments):
        raise UserError(
            f"recipe {plan.recipe} has {plan.num_segments} segments a clip, and the cache has {num_segments}; "
            "give the cache of this recipe, or change segments in a recipe of your own"
        )
    for name, own in plan.trained.items():
        if own.method.needs_tau and own.settings.beta > 0:
            try:
                check_tau(own.settings.tau, num_segments)
            except UserError as error:
                raise UserError(f"recipe {plan.recipe}, method {name}: {error}") from error


def check_classes(labels: Iterable[int], protocol: str) -> None:
    """Refuse training clips that are all of one class.

    Args:
        labels: of the training clips.
        protocol: names the clips in the error message.

    Raises:
        UserError: all training clips are of one class.
    """
    if len(set(labels)) < 2:
        raise UserError(
            f"all training clips of {protocol} are of one class, so there is nothing to learn; "
            "give a manifest whose split 'train' has clips of at least two classes"
        )


def vary_recipe(recipe: Recipe, axes: Mapping[str, Sequence[Any]]) -> list[tuple[Values, TrainingPlan]]:
    """Return every combination of some values of a recipe, each with its training plan.

    Args:
        recipe: has all other values.
        axes: by key, as in `distillation.alpha`, the values to try.

    Raises:
        UserError: a key that no training reads, or a combination that cannot work.
    """
    recipe = complete_recipe(recipe)
    made: list[tuple[Values, TrainingPlan]] = []
    for chosen in product(*axes.values()):
        values = dict(zip(axes, chosen, strict=True))
        sections = recipe.model_dump()
        for key, value in values.items():
            *path, last = key.split(".")
            inner: Any = sections
            for name in path:
                inner = inner.get(name) if isinstance(inner, dict) else None
            if not isinstance(inner, dict) or last not in inner or key.split(".")[0] in NOT_TRAINED:
                raise UserError(f"--set {key}: no training reads such a key of a recipe{key_hint(type(recipe), key)}")
            inner[last] = value
        varied = parse_config(type(recipe), sections, f"recipe {recipe.name} with {combination_name(values)}")
        try:
            made.append((values, make_training_plan(varied)))
        except UserError as error:
            raise UserError(f"with {combination_name(values)}: {error}") from error
    return made


def combination_name(values: Values) -> str:
    """Return the name of a combination, as in `distillation.alpha=0.5, distillation.tau=1`."""
    return ", ".join(f"{key}={json.dumps(value)}" for key, value in values.items())
