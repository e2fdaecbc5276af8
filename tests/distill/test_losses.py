"""Eq. 1-4 against float64 NumPy written from the paper, their gradients, and values known by hand."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from common.errors import UserError
from distill.losses import (
    classification_loss,
    combined_loss,
    labelled_mean,
    self_distillation_loss,
    teacher_student_loss,
)

Array = NDArray[np.float64]


def softmax(logits: Array) -> Array:
    powers = np.exp(logits - logits.max())
    return powers / powers.sum()


def kl(p: Array, q: Array) -> float:
    return float(sum(p_c * math.log(p_c / q_c) for p_c, q_c in zip(p, q, strict=True)))


def equation_1(student: Array, teacher: Array, temperature: float) -> float:
    batch, steps, _ = student.shape
    total = 0.0
    for b in range(batch):
        for n in range(steps):
            total += kl(softmax(teacher[b, n] / temperature), softmax(student[b, n] / temperature)) / steps
    return total / batch


def equation_2(student: Array, tau: int, temperature: float) -> float:
    batch, steps, _ = student.shape
    total = 0.0
    for b in range(batch):
        for n in range(steps - tau):
            later, now = softmax(student[b, n + tau] / temperature), softmax(student[b, n] / temperature)
            total += kl(later, now) / (steps - tau)
    return total / batch


def equation_3(student: Array, labels: NDArray[np.int64], labelled: NDArray[np.bool_]) -> float:
    _, steps, _ = student.shape
    total = 0.0
    for b in labelled.nonzero()[0]:
        for n in range(steps):
            total += -math.log(softmax(student[b, n])[labels[b]]) / steps
    return total / max(1, labelled.sum())


def random_logits(seed: int, *shape: int, scale: float = 3.0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape, scale=scale))


@settings(deadline=None, max_examples=60)
@given(
    models=st.lists(st.integers(1, 3), max_size=2),
    batch=st.integers(1, 4),
    steps=st.integers(2, 6),
    classes=st.integers(1, 5),
    lead=st.integers(1, 5),
    classification_weight=st.floats(0.1, 2),
    alpha=st.floats(0, 2),
    beta=st.floats(0, 2),
    temperature=st.floats(0.5, 4),
    detach=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_all_equations_against_numpy(
    models: list[int],
    batch: int,
    steps: int,
    classes: int,
    lead: int,
    classification_weight: float,
    alpha: float,
    beta: float,
    temperature: float,
    detach: bool,
    seed: int,
) -> None:
    """With no, one or two axes of models before the batch."""
    tau, shape = min(lead, steps - 1), (*models, batch, steps, classes)
    student, teacher = random_logits(seed, *shape), random_logits(seed + 1, *shape)
    random = np.random.default_rng(seed)
    labels = torch.from_numpy(random.integers(0, classes, (*models, batch)))
    labelled = torch.from_numpy(random.random((*models, batch)) < 0.7)
    losses = combined_loss(
        student,
        labels,
        teacher,
        labelled=labelled,
        classification_weight=classification_weight,
        alpha=alpha,
        beta=beta,
        tau=tau,
        temperature=temperature,
        detach_target=detach,
    )
    names = (
        {"classification"}
        | ({"teacher_student"} if alpha > 0 else set())
        | ({"self_distillation"} if beta > 0 else set())
    )
    assert losses.terms.keys() == names
    for model in np.ndindex(*models):
        mine, theirs = student[model].numpy(), teacher[model].numpy()
        cls = equation_3(mine, labels[model].numpy(), labelled[model].numpy())
        ts, own = equation_1(mine, theirs, temperature), equation_2(mine, tau, temperature)
        expected = {"classification": cls, "teacher_student": ts, "self_distillation": own}
        for name, term in losses.terms.items():
            np.testing.assert_allclose(term[model].item(), expected[name], rtol=1e-9, atol=1e-12)
        total = classification_weight * cls + alpha * ts + beta * own
        np.testing.assert_allclose(losses.total[model].item(), total, rtol=1e-9, atol=1e-12)


def test_labels_that_may_not_be_read_make_no_difference() -> None:
    logits, labels = random_logits(0, 2, 3, 4, 5), torch.tensor([[0, 1, 2], [3, 4, 0]])
    labelled = torch.tensor([[True, False, True], [False, True, True]])
    others = torch.where(labelled, labels, (labels + 2) % 5)
    assert torch.equal(classification_loss(logits, labels, labelled), classification_loss(logits, others, labelled))
    kept = torch.stack([logits[0, [0, 2]], logits[1, [1, 2]]])  # as if the others were not in the batch
    expected = classification_loss(kept, torch.tensor([[0, 2], [4, 0]]))
    torch.testing.assert_close(classification_loss(logits, labels, labelled), expected)
    every = torch.ones_like(labelled)
    torch.testing.assert_close(classification_loss(logits, labels, every), classification_loss(logits, labels))


def test_a_batch_without_labels_learns_from_the_rest_of_eq_4() -> None:
    logits, teacher = random_logits(0, 2, 3, 4, 5).requires_grad_(), random_logits(1, 2, 3, 4, 5)
    none = torch.zeros(2, 3, dtype=torch.bool)
    losses = combined_loss(logits, torch.zeros(2, 3, dtype=torch.long), teacher, labelled=none, alpha=1.0, beta=1.0)
    assert losses.terms["classification"].count_nonzero() == 0
    (of_labels,) = torch.autograd.grad(losses.terms["classification"].sum(), logits, retain_graph=True)
    (of_all,) = torch.autograd.grad(losses.total.sum(), logits)
    assert of_labels.count_nonzero() == 0
    assert (of_all != 0).all()


def test_a_mean_over_labelled_clips() -> None:
    of_clip = torch.tensor([[1.0, 2.0, 6.0], [5.0, 7.0, 9.0]])
    labelled = torch.tensor([[True, False, True], [False, False, False]])
    assert labelled_mean(of_clip, labelled).tolist() == [3.5, 0.0]


def test_models_do_not_influence_each_other() -> None:
    logits, teacher = random_logits(0, 3, 2, 4, 5).requires_grad_(), random_logits(1, 3, 2, 4, 5)
    labels = torch.tensor([[0, 1], [2, 3], [4, 0]])
    total = combined_loss(logits, labels, teacher, alpha=0.5, beta=0.7, detach_target=False).total
    assert total.shape == (3,)
    for model in range(3):
        (gradient,) = torch.autograd.grad(total[model], logits, retain_graph=True)
        assert [bool(each.any()) for each in gradient] == [other == model for other in range(3)]


def test_equal_distributions_have_no_divergence() -> None:
    logits = random_logits(0, 3, 5, 4)
    assert teacher_student_loss(logits, logits).item() == 0
    assert teacher_student_loss(logits + 7, logits).item() == pytest.approx(0, abs=1e-12)  # logits are up to a constant
    constant = logits[:, :1].expand(3, 5, 4)
    assert self_distillation_loss(constant, tau=2).item() == 0


def test_values_known_by_hand() -> None:
    sure, even = torch.tensor([math.log(3.0), 0.0]), torch.zeros(2)  # (3/4, 1/4) and (1/2, 1/2)
    target_sure = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    target_even = 0.5 * math.log(2 / 3) + 0.5 * math.log(2)
    assert teacher_student_loss(even[None, None], sure[None, None]).item() == pytest.approx(target_sure)
    assert teacher_student_loss(sure[None, None], even[None, None]).item() == pytest.approx(target_even)
    # The later step is the target, the earlier one learns.
    assert self_distillation_loss(torch.stack([even, sure])[None]).item() == pytest.approx(target_sure)
    assert classification_loss(torch.zeros(2, 3, 5), torch.tensor([0, 4])).item() == pytest.approx(math.log(5))


def test_extreme_logits_stay_finite() -> None:
    certain = torch.tensor([[[1e4, 0.0], [0.0, 1e4]]], requires_grad=True)
    losses = combined_loss(certain, torch.tensor([1]), -certain.detach(), alpha=1.0, beta=1.0)
    losses.total.backward()
    assert losses.total.isfinite()
    assert certain.grad is not None and certain.grad.isfinite().all()


def test_detached_target_gets_no_gradient() -> None:
    logits = random_logits(0, 2, 5, 3).requires_grad_()
    (gradient,) = torch.autograd.grad(self_distillation_loss(logits, tau=2), logits)
    assert gradient[:, 3:].count_nonzero() == 0  # steps that are targets only
    assert gradient[:, :3].count_nonzero() == gradient[:, :3].numel()
    probabilities = logits.detach().softmax(-1)
    expected = (probabilities[:, :3] - probabilities[:, 2:]) / (2 * 3)  # d KL(P || softmax(z)) / dz = softmax(z) - P
    torch.testing.assert_close(gradient[:, :3], expected)


def test_target_gets_a_gradient_unless_detached() -> None:
    logits = random_logits(0, 2, 5, 3).requires_grad_()
    (gradient,) = torch.autograd.grad(self_distillation_loss(logits, tau=2, detach_target=False), logits)
    assert gradient[:, 3:].count_nonzero() == gradient[:, 3:].numel()


def test_gradient_against_finite_differences() -> None:
    logits, teacher, labels = random_logits(0, 2, 4, 3), random_logits(1, 2, 4, 3), torch.tensor([2, 0])

    def loss(student: torch.Tensor) -> torch.Tensor:
        return combined_loss(
            student, labels, teacher, alpha=0.5, beta=0.7, tau=2, temperature=2.0, detach_target=False
        ).total

    assert torch.autograd.gradcheck(loss, [logits.requires_grad_()])


@pytest.mark.parametrize("tau", [0, 4, 5])
def test_tau_without_a_pair_of_steps_is_refused(tau: int) -> None:
    with pytest.raises(UserError, match=f"tau = {tau} .* N = 4 .*from 1 to 3"):
        self_distillation_loss(torch.zeros(1, 4, 2), tau=tau)


def test_alpha_without_a_teacher_is_refused() -> None:
    with pytest.raises(UserError, match=r"alpha = 0\.5"):
        combined_loss(torch.zeros(1, 4, 2), torch.tensor([0]), alpha=0.5)
