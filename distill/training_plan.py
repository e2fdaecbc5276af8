"""The training plan: a recipe resolved into what the training needs.

A recipe is resolved once, before anything is decoded or trained. What the recipe and the inputs alone show to be wrong
is refused here. After that the training gets the plan and not the recipe.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from common.config import Config
from common.errors import UserError
from distill.losses import check_tau
from distill.method import ClassicalMethod, HiddenSizes, Method
from distill.methods import METHODS, find_method
from distill.whole_recipe import complete_recipe
from manifests.recipes.recipe import Recipe, check_protocol
from manifests.recipes.training import Labels, Training

M = TypeVar("M", Method, ClassicalMethod)


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

    def epochs(self, clips: int) -> int:
        """Return the number of epochs of all models together, for so many training clips."""
        return len(self.trained) * len(self.seeds) * self.training.epochs_for(clips)

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
            cannot have the size asked for, τ leaves no pair of segments, or a method cannot learn from drawn ratios.
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
    if recipe.segment_seconds is not None:
        check_lengths(plan)
    check_ratios(plan)
    return plan


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


def check_lengths(plan: TrainingPlan) -> None:
    """Refuse methods that need the same number of segments of every clip, where segments last a fixed time.

    Raises:
        UserError: the plan has such a method.
    """
    for name in (*plan.trained, *plan.classical):
        if not METHODS[name].takes_lengths:
            able = ", ".join(key for key, method in METHODS.items() if method.takes_lengths)
            raise UserError(
                f"recipe {plan.recipe}: method {name} needs the same number of segments of every clip, and with "
                f"segment_seconds longer clips have more; leave it out of methods, or take one of {able}"
            )


def check_ratios(plan: TrainingPlan) -> None:
    """Refuse methods whose loss needs the outputs at all observation ratios, where one ratio is drawn for each clip.

    Raises:
        UserError: the plan has such a method.
    """
    if plan.training.ratios == "all":
        return
    for name, own in plan.trained.items():
        if not own.method.takes_drawn_ratios:
            able = ", ".join(
                key for key, each in METHODS.items() if isinstance(each, Method) and each.takes_drawn_ratios
            )
            raise UserError(
                f"recipe {plan.recipe}: the loss of method {name} needs all observation ratios, and training.ratios = "
                f'"drawn" leaves one for each clip; leave it out of methods, or take one of {able}'
            )


def check_cuts(plan: TrainingPlan) -> None:
    """Refuse random cuts of clips that all have the same number of segments, as equal parts are.

    Raises:
        UserError: the plan has `training.random_cut`.
    """
    if plan.training.random_cut:
        raise UserError(
            f"recipe {plan.recipe}: training.random_cut needs segments of a fixed time, and the cache has equal parts "
            "of clips; give a cache that was made with segment_seconds, or leave random_cut out"
        )


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
