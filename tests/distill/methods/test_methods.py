"""What holds for every method: it is known to recipes, reads no label it may not, and keeps models apart."""

from collections.abc import Callable
from typing import get_args

import pytest
import torch

from distill.classical import CLASSICAL
from distill.method import Lesson, Method
from distill.methods import METHODS
from distill.models import Outputs
from manifests.published import read_published
from manifests.recipes.recipe import MethodName, Recipe

EVERY = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
READING = pytest.mark.parametrize(  # one with targets of its own reads labels before the training, see its tests
    "method", [pytest.param(method, id=name) for name, method in METHODS.items() if method.targets is None]
)


def test_every_name_of_a_recipe_is_a_method_and_the_other_way_round() -> None:
    assert METHODS.keys() | CLASSICAL.keys() == set(get_args(MethodName))
    assert not METHODS.keys() & CLASSICAL.keys()
    assert list(METHODS) == [name for name in get_args(MethodName) if name in METHODS]  # the order of the table


def test_names_are_told_apart_and_known_to_the_published_rows() -> None:
    every = [*METHODS.values(), *CLASSICAL.values()]
    assert len({about.title for about in every}) == len(every)
    published = [about.published for about in every if about.published]
    assert len(set(published)) == len(published)
    assert set(published) <= {row.method for row in read_published()}


@EVERY
def test_settings_and_teachers_exist(method: Method) -> None:
    assert method.settings is None or method.settings in Recipe.model_fields
    assert method.teacher is None or METHODS[method.teacher].sees_future
    assert method.teacher or not method.imitates_states


def one(outputs: Outputs, lesson: Lesson, row: int) -> tuple[Outputs, Lesson]:
    """What a training of one of the models by itself would see."""
    only = slice(row, row + 1)
    teacher = lesson.teacher and Outputs(lesson.teacher.states[only], lesson.teacher.logits[only])
    own = {name: tensor[only] for name, tensor in lesson.own.items()}
    targets = None if lesson.targets is None else lesson.targets[only]
    draw = lambda *shape: lesson.draw(*shape)[only]  # noqa: E731
    alone = Lesson(lesson.labels[only], lesson.labelled[only], teacher, own, draw, targets)
    return Outputs(outputs.states[only], outputs.logits[only]), alone


@EVERY
def test_a_stack_of_models_is_its_models_one_by_one(
    method: Method, outputs: Outputs, make_lesson: Callable[[Method], Lesson], recipe: Recipe
) -> None:
    lesson = make_lesson(method)
    together = method.loss(outputs, lesson, recipe)
    assert together.total.shape == (len(outputs.logits),)
    for row in range(len(outputs.logits)):
        alone = method.loss(*one(outputs, lesson, row), recipe)
        torch.testing.assert_close(together.total[row : row + 1], alone.total)
        assert together.terms.keys() == alone.terms.keys()
        for name, term in together.terms.items():
            torch.testing.assert_close(term[row : row + 1], alone.terms[name])


@EVERY
def test_a_models_loss_moves_no_other_model(
    method: Method, outputs: Outputs, make_lesson: Callable[[Method], Lesson], recipe: Recipe
) -> None:
    lesson = make_lesson(method)
    leaves = Outputs(outputs.states.requires_grad_(), outputs.logits.requires_grad_())
    total = method.loss(leaves, lesson, recipe).total
    for row in range(len(total)):
        (gradient,) = torch.autograd.grad(total[row], leaves.logits, retain_graph=True)
        moved = [bool(each.count_nonzero()) for each in gradient]
        assert moved == [other == row for other in range(len(total))]
        assert gradient.isfinite().all()


@READING
def test_labels_that_may_not_be_read_make_no_difference(
    method: Method, outputs: Outputs, make_lesson: Callable[[Method], Lesson], recipe: Recipe
) -> None:
    lesson = make_lesson(method)
    classes = outputs.logits.shape[-1]
    others = torch.where(lesson.labelled, lesson.labels, (lesson.labels + 1) % classes)
    before, after = (method.loss(outputs, lesson._replace(labels=each), recipe) for each in (lesson.labels, others))
    assert torch.equal(before.total, after.total)
    read = method.loss(outputs, lesson._replace(labels=(lesson.labels + 1) % classes), recipe)
    assert (read.total != before.total).all()  # those that may be read do make one


@READING
def test_clips_without_a_label_do_not_thin_out_the_others(
    method: Method, outputs: Outputs, make_lesson: Callable[[Method], Lesson], recipe: Recipe
) -> None:
    """Terms that need labels are means over the clips that have one, as if the others were not there."""
    lesson = make_lesson(method)
    model = one(outputs, lesson, 0)
    kept = lesson.labelled[0]
    fewer = Outputs(model[0].states[:, kept], model[0].logits[:, kept])
    teacher = model[1].teacher and Outputs(model[1].teacher.states[:, kept], model[1].teacher.logits[:, kept])
    few = Lesson(
        model[1].labels[:, kept],
        model[1].labelled[:, kept],
        teacher,
        model[1].own,
        lambda *shape: lesson.draw(len(kept))[:1, kept],
        None if model[1].targets is None else model[1].targets[:, kept],
    )
    mixed, labelled = method.loss(*model, recipe), method.loss(fewer, few, recipe)
    needs_labels = {
        "classification",
        "ranking",
        "false_alarms",
        "regression",
        "observed",
        "oracle",
    } & mixed.terms.keys()
    assert needs_labels
    for name in needs_labels:
        torch.testing.assert_close(mixed.terms[name], labelled.terms[name])


@EVERY
def test_a_batch_without_any_label_is_no_accident(
    method: Method, outputs: Outputs, make_lesson: Callable[[Method], Lesson], recipe: Recipe
) -> None:
    lesson = make_lesson(method)
    lesson = lesson._replace(labelled=torch.zeros_like(lesson.labelled))
    outputs.logits.requires_grad_()
    total = method.loss(outputs, lesson, recipe).total
    (gradient,) = torch.autograd.grad(total.sum(), outputs.logits)
    assert total.isfinite().all()
    assert gradient.isfinite().all()
