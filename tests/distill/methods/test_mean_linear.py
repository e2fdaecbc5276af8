"""Cumulative mean + linear: what it computes, and that it needs no recurrent layer."""

import torch

from distill.method import HiddenSizes
from distill.methods.mean_linear import MEAN_LINEAR
from distill.methods.without_distillation import WITHOUT
from distill.models import Classifier


def test_the_classifier_sees_the_mean_of_the_segments_so_far() -> None:
    network = Classifier(MEAN_LINEAR.network, 3, MEAN_LINEAR.hidden(HiddenSizes(512, 256)), 4).double()
    assert [name for name, _ in network.named_parameters()] == ["classifier.weight", "classifier.bias"]
    features = torch.randn(2, 5, 3, dtype=torch.float64)
    logits = network(features)
    for step in range(5):
        expected = network.classifier(features[:, : step + 1].mean(1))
        torch.testing.assert_close(logits[:, step], expected)


def test_it_learns_as_the_baseline_does() -> None:
    assert MEAN_LINEAR.loss is WITHOUT.loss
    assert not MEAN_LINEAR.sees_future
