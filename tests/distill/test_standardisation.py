"""Moments, and that what is folded into the weights does the same on features as they are."""

import numpy as np
import pytest
import torch

from distill.models import KINDS, Classifier, Kind
from distill.standardisation import fold, moments


def test_moments_against_numpy() -> None:
    features = torch.randn(7, 5, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 20.0, 0.3]) + 4
    mean, deviation = moments(features)
    flat = features.double().numpy().reshape(-1, 3)
    np.testing.assert_allclose(mean, flat.mean(0), rtol=1e-6)
    np.testing.assert_allclose(deviation, flat.std(0), rtol=1e-6)


def test_what_does_not_vary_is_not_blown_up() -> None:
    features = torch.randn(50, 4, 2, generator=torch.Generator().manual_seed(0))
    features[..., 1] = 3 + 1e-9 * features[..., 1]
    _, deviation = moments(features)
    assert deviation[1] == pytest.approx(1e-3 * float(deviation.double().mean()), rel=0.01)
    assert torch.equal(moments(torch.ones(3, 2, 2))[1], torch.ones(2))


@pytest.mark.parametrize("kind", KINDS)
def test_folded_weights_do_the_same(kind: Kind) -> None:
    torch.manual_seed(0)
    features = torch.randn(6, 5, 4, dtype=torch.float64) * 3 + 2
    mean, deviation = moments(features)
    network, folded = (Classifier(kind, 4, 3, 2).double() for _ in range(2))
    folded.load_state_dict(fold(network.state_dict(), mean, deviation))
    torch.testing.assert_close(folded(features), network((features - mean) / deviation))
    assert not torch.allclose(folded(features), network(features))
