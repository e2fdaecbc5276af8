"""Cumulative mean + linear: what it computes, and that it needs no recurrent layer."""

import torch

from distill.methods import METHODS
from distill.models import Classifier
from manifests.recipes.recipe import Recipe


def test_the_classifier_sees_the_mean_of_the_segments_so_far(recipe: Recipe) -> None:
    method = METHODS["mean_linear"]
    network = Classifier(method.network, 3, method.hidden(recipe), 4).double()
    assert [name for name, _ in network.named_parameters()] == ["classifier.weight", "classifier.bias"]
    features = torch.randn(2, 5, 3, dtype=torch.float64)
    logits = network(features)
    for step in range(5):
        expected = network.classifier(features[:, : step + 1].mean(1))
        torch.testing.assert_close(logits[:, step], expected)


def test_it_learns_as_the_baseline_does() -> None:
    assert METHODS["mean_linear"].loss is METHODS["without"].loss
    assert not METHODS["mean_linear"].sees_future
