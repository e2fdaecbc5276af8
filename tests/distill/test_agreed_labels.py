"""Agreed labels against the same steps by loops in float64, the shares of the classes, and teachers who err."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from distill.agreed_labels import agreed_labels, balanced
from distill.label_spreading import Spreading as Settings
from distill.label_spreading import given_labels, similarity_graph, spread

CLASSES, REACH = 3, 0.9


def clouds(clips: int = 60, distance: float = 3.0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return features, labels and which clips have their label: two of each class."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(clips) % CLASSES
    centres = distance * torch.eye(CLASSES, dtype=torch.float64)[labels]
    features = centres[:, None] + torch.randn(clips, 4, CLASSES, generator=generator, dtype=torch.float64)
    return features, labels, torch.arange(clips) < 2 * CLASSES


def by_loops(scores: NDArray[np.float64], shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Balance by loops."""
    scores = scores / scores.sum(1)[:, None] + 1e-4
    for _ in range(50):
        for label in range(scores.shape[1]):
            scores[:, label] *= shares[label] * len(scores) / scores[:, label].sum()
        for clip in range(len(scores)):
            scores[clip] /= scores[clip].sum()
    return scores


def test_against_the_steps_in_numpy() -> None:
    _, labels, labelled = clouds()
    given = given_labels(labels, labelled, CLASSES).double()
    random = np.random.default_rng(1)
    network, other = random.dirichlet(np.ones(CLASSES), 60), random.dirichlet(np.ones(CLASSES), 60)
    found = agreed_labels(torch.from_numpy(network), torch.from_numpy(other), given).numpy()
    known, own = labelled.numpy(), given.numpy()
    network[known], other[known] = own[known], own[known]
    shares = own.sum(0) / own.sum()
    expected = np.where(known[:, None], own, by_loops((network + 1e-3) * (other + 1e-3), shares))
    np.testing.assert_allclose(found, expected, atol=1e-9)


@given(st.integers(5, 60), st.integers(2, 6), st.integers(0, 2**31))
def test_balanced_classes_have_their_shares(clips: int, classes: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    scores, shares = random.uniform(0.05, 1, (clips, classes)), random.dirichlet(5 * np.ones(classes))
    found = balanced(torch.from_numpy(scores), torch.from_numpy(shares)).numpy()
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-9)
    np.testing.assert_allclose(found.mean(0), shares, atol=0.02)


def test_a_class_that_one_teacher_prefers_everywhere_gets_no_more_than_its_share() -> None:
    _, labels, _ = clouds()
    scores = torch.nn.functional.one_hot(labels, CLASSES).double() * 0.4 + torch.tensor([0.6, 0.1, 0.1])
    assert (scores.argmax(1) == 0).all()
    assert torch.equal(balanced(scores, torch.full((CLASSES,), 1 / CLASSES).double()).argmax(1), labels)


@pytest.mark.parametrize("which", [0, 1])
def test_the_errors_of_one_teacher_are_corrected(which: int) -> None:
    features, labels, labelled = clouds(distance=2.0)
    given = given_labels(labels, labelled, CLASSES).double()
    graph = similarity_graph(features, Settings())
    right = spread(graph, given, REACH)
    wrong = right.clone()
    wrong[20:35] = torch.tensor([0.5, 0.3, 0.2])  # sure of one class, whatever the clip shows
    teachers = [wrong, right] if which == 0 else [right, wrong]
    found = agreed_labels(*teachers, given)
    hidden = ~labelled
    errors = [(each.argmax(1) != labels)[hidden].sum().item() for each in (wrong, found)]
    assert errors[1] < errors[0]


def test_clips_with_a_label_keep_it() -> None:
    _, labels, labelled = clouds()
    given = given_labels(labels, labelled, CLASSES).double()
    uniform = torch.full((60, CLASSES), 1 / CLASSES, dtype=torch.float64)
    found = agreed_labels(uniform, uniform, given)
    assert torch.equal(found[labelled], given[labelled])
    assert torch.allclose(found[~labelled], uniform[~labelled])
