"""What holds for every method: it is known to recipes, reads no label it may not, and keeps models apart."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from distill.method import LossInputs, Method
from distill.methods import METHODS
from distill.models import Outputs
from manifests.published import read_published
from manifests.recipes.recipe import Recipe
from manifests.recipes.training import Distillation

TRAINED = {name: method for name, method in METHODS.items() if isinstance(method, Method)}
EVERY = pytest.mark.parametrize("method", TRAINED.values(), ids=TRAINED)
READING = pytest.mark.parametrize(  # one with targets of its own reads labels before the training, see its tests
    "method", [pytest.param(method, id=name) for name, method in TRAINED.items() if method.targets is None]
)

OF_LABELS = {"classification", "ranking", "false_alarms", "regression", "observed", "oracle"}  # terms that come along


def settings_of(method: Method) -> Any:
    """The defaults of a method's own settings."""
    if method.settings is Distillation:
        return Distillation(alpha=0.5, beta=0.5)
    return method.settings() if method.settings else None


def test_names_are_told_apart_and_known_to_the_published_rows() -> None:
    every = list(METHODS.values())
    assert len({about.title for about in every}) == len(every)
    published = [about.published for about in every if about.published]
    assert len(set(published)) == len(published)
    assert set(published) <= {row.method for row in read_published()}


@EVERY
def test_settings_and_teachers_exist(method: Method) -> None:
    assert (method.section is None) == (method.settings is None)
    assert method.teacher is None or METHODS[method.teacher].sees_future
    assert method.teacher or not method.imitates_states


def test_methods_of_one_section_have_the_same_settings() -> None:
    sections = {(method.section, method.settings) for method in METHODS.values() if method.section}
    assert len({section for section, _ in sections}) == len(sections)
    core = [settings for section, settings in sections if section in Recipe.model_fields]
    assert core == [Distillation]


def one(outputs: Outputs, inputs: LossInputs, row: int) -> tuple[Outputs, LossInputs]:
    """What a training of one of the models by itself would see."""
    only = slice(row, row + 1)
    teacher = inputs.teacher and Outputs(inputs.teacher.states[only], inputs.teacher.logits[only])
    parameters = {name: tensor[only] for name, tensor in inputs.parameters.items()}
    targets = None if inputs.targets is None else inputs.targets[only]
    draw = lambda *shape: inputs.draw(*shape)[only]  # noqa: E731
    alone = LossInputs(inputs.labels[only], inputs.labelled[only], teacher, parameters, draw, targets)
    return Outputs(outputs.states[only], outputs.logits[only]), alone


@EVERY
def test_a_stack_of_models_is_its_models_one_by_one(
    method: Method, outputs: Outputs, make_inputs: Callable[[Method], LossInputs]
) -> None:
    inputs = make_inputs(method)
    together = method.loss(outputs, inputs, settings_of(method))
    assert together.total.shape == (len(outputs.logits),)
    for row in range(len(outputs.logits)):
        alone = method.loss(*one(outputs, inputs, row), settings_of(method))
        torch.testing.assert_close(together.total[row : row + 1], alone.total)
        assert together.terms.keys() == alone.terms.keys()
        for name, term in together.terms.items():
            torch.testing.assert_close(term[row : row + 1], alone.terms[name])


@EVERY
def test_a_models_loss_moves_no_other_model(
    method: Method, outputs: Outputs, make_inputs: Callable[[Method], LossInputs]
) -> None:
    inputs = make_inputs(method)
    leaves = Outputs(outputs.states.requires_grad_(), outputs.logits.requires_grad_())
    total = method.loss(leaves, inputs, settings_of(method)).total
    for row in range(len(total)):
        (gradient,) = torch.autograd.grad(total[row], leaves.logits, retain_graph=True)
        moved = [bool(each.count_nonzero()) for each in gradient]
        assert moved == [other == row for other in range(len(total))]
        assert gradient.isfinite().all()


@READING
def test_labels_that_may_not_be_read_make_no_difference(
    method: Method, outputs: Outputs, make_inputs: Callable[[Method], LossInputs]
) -> None:
    inputs = make_inputs(method)
    classes = outputs.logits.shape[-1]
    others = torch.where(inputs.labelled, inputs.labels, (inputs.labels + 1) % classes)
    before, after = (
        method.loss(outputs, inputs._replace(labels=each), settings_of(method)) for each in (inputs.labels, others)
    )
    assert torch.equal(before.total, after.total)
    read = method.loss(outputs, inputs._replace(labels=(inputs.labels + 1) % classes), settings_of(method))
    assert (read.total != before.total).all()  # those that may be read do make one


@READING
def test_clips_without_a_label_do_not_thin_out_the_others(
    method: Method, outputs: Outputs, make_inputs: Callable[[Method], LossInputs]
) -> None:
    """Terms that need labels are means over the clips that have one, as if the others were not there."""
    inputs = make_inputs(method)
    model = one(outputs, inputs, 0)
    kept = inputs.labelled[0]
    fewer = Outputs(model[0].states[:, kept], model[0].logits[:, kept])
    teacher = model[1].teacher and Outputs(model[1].teacher.states[:, kept], model[1].teacher.logits[:, kept])
    few = LossInputs(
        model[1].labels[:, kept],
        model[1].labelled[:, kept],
        teacher,
        model[1].parameters,
        lambda *shape: inputs.draw(len(kept))[:1, kept],
        None if model[1].targets is None else model[1].targets[:, kept],
    )
    mixed, labelled = (method.loss(*each, settings_of(method)) for each in (model, (fewer, few)))
    other = model[1]._replace(labels=(model[1].labels + 1) % model[0].logits.shape[-1])
    moved = method.loss(model[0], other, settings_of(method)).terms
    needs_labels = {name for name, term in mixed.terms.items() if not torch.equal(term, moved[name])}
    assert needs_labels
    assert OF_LABELS & mixed.terms.keys() <= needs_labels
    for name in needs_labels:
        torch.testing.assert_close(mixed.terms[name], labelled.terms[name])


@EVERY
def test_a_batch_without_any_label_is_no_accident(
    method: Method, outputs: Outputs, make_inputs: Callable[[Method], LossInputs]
) -> None:
    inputs = make_inputs(method)
    inputs = inputs._replace(labelled=torch.zeros_like(inputs.labelled))
    outputs.logits.requires_grad_()
    total = method.loss(outputs, inputs, settings_of(method)).total
    (gradient,) = torch.autograd.grad(total.sum(), outputs.logits)
    assert total.isfinite().all()
    assert gradient.isfinite().all()
