import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from extract.va_cnn.network import VaCnnNetwork, ViewAdaptation, change_view, rotations, scale

Floats = NDArray[np.float64]
MINIMUM, MAXIMUM = -5.28981208801, 5.18858098984  # the VA repository's, of NTU


def rotation_of(alpha: float, beta: float, gamma: float) -> Floats:
    """Rz Ry Rx, each clockwise, written down anew from the facts."""
    c, s = np.cos, np.sin
    about_x = np.array([[1, 0, 0], [0, c(alpha), s(alpha)], [0, -s(alpha), c(alpha)]])
    about_y = np.array([[c(beta), 0, -s(beta)], [0, 1, 0], [s(beta), 0, c(beta)]])
    about_z = np.array([[c(gamma), s(gamma), 0], [-s(gamma), c(gamma), 0], [0, 0, 1]])
    product: Floats = about_z @ about_y @ about_x
    return product


def test_rotations_are_the_facts() -> None:
    angles = np.random.default_rng(0).uniform(-4, 4, (20, 3))
    expected = np.stack([rotation_of(*row) for row in angles])
    np.testing.assert_allclose(rotations(torch.from_numpy(angles)).numpy(), expected, atol=1e-12)


def test_a_quarter_turn_about_z_is_clockwise() -> None:
    (turn,) = rotations(torch.tensor([[0.0, 0.0, torch.pi / 2]]))
    torch.testing.assert_close(turn @ torch.tensor([0.0, 1.0, 0.0]), torch.tensor([1.0, 0.0, 0.0]))


def test_changing_the_view_of_a_picture_is_moving_the_joints() -> None:
    """v' on the picture equals scaling R (J + t): the formula of the facts, in float64."""
    chance = np.random.default_rng(1)
    joints = chance.uniform(-4, 4, (6, 3, 5, 7))  # as pictures in metres, (B, 3, rows, columns)
    view = chance.uniform(-2, 2, (6, 6))
    low, high = torch.tensor(MINIMUM, dtype=torch.float64), torch.tensor(MAXIMUM, dtype=torch.float64)
    moved = np.stack(
        [
            np.einsum("ij,jhw->ihw", rotation_of(*v[:3]), j + v[3:, None, None])
            for v, j in zip(view, joints, strict=True)
        ]
    )
    expected = 255 * (moved - MINIMUM) / (MAXIMUM - MINIMUM)
    grey = scale(torch.from_numpy(joints), low, high)
    np.testing.assert_allclose(change_view(grey, torch.from_numpy(view), low, high).numpy(), expected, atol=1e-10)


def test_the_first_view_is_the_identity() -> None:
    network = ViewAdaptation(64)
    assert not network(torch.randn(3, 3, 64, 64)).any()
    low, high = torch.tensor(-1.0), torch.tensor(1.0)
    grey = 255 * torch.rand(2, 3, 8, 8)
    torch.testing.assert_close(change_view(grey, torch.zeros(2, 6), low, high), grey, atol=1e-3, rtol=0)


def test_the_view_branch_has_the_papers_size() -> None:
    branch = ViewAdaptation(224)
    assert branch.view.in_features == 6272
    assert sum(p.numel() for p in branch.parameters()) == 128 * 75 + 128 * 3200 + 4 * 128 + 6272 * 6 + 6
    assert branch(torch.zeros(1, 3, 224, 224)).shape == (1, 6)


@pytest.mark.parametrize("size", [40, 47, 64, 112])
def test_smaller_pictures_fit_too(size: int) -> None:
    assert ViewAdaptation(size)(torch.zeros(1, 3, size, size)).shape == (1, 6)


def test_the_view_learns() -> None:
    torch.manual_seed(0)
    network = VaCnnNetwork("test_resnet", 4, 40, -1.0, 1.0)
    network(torch.rand(4, 3, 40, 40)).square().sum().backward()
    gradient = network.view_adaptation.view.bias.grad
    assert gradient is not None and gradient.abs().min() > 0


def test_without_classes_it_pools_the_features_the_classifier_sees() -> None:
    torch.manual_seed(0)
    network = VaCnnNetwork("resnet18", 7, 40, -1.0, 1.0).eval()
    pictures = torch.rand(2, 3, 40, 40)
    logits, classifier = network(pictures), network.main.get_classifier()
    network.main.reset_classifier(0)
    features = network(pictures)
    assert features.shape == (2, 512)
    torch.testing.assert_close(classifier(features), logits)


def test_the_papers_network_is_a_resnet50() -> None:
    network = VaCnnNetwork("resnet50", 60, 224)
    assert sum(p.numel() for p in network.main.parameters()) == 23_508_032 + 60 * 2049
