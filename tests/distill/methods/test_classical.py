"""What holds for every method without gradients: probabilities of every clip and level, from labelled clips alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from common.config import Config
from distill.feature_set import FeatureSet
from distill.method import ClassicalMethod
from distill.methods import METHODS
from distill.model_selection import best_on_validation

CLASSICAL = {name: method for name, method in METHODS.items() if isinstance(method, ClassicalMethod)}
EVERY = pytest.mark.parametrize("method", CLASSICAL.values(), ids=CLASSICAL)


def defaults(method: ClassicalMethod) -> Config | None:
    return method.settings() if method.settings else None


@pytest.fixture
def labelled(data: FeatureSet) -> torch.Tensor:
    """Two thirds of the training clips."""
    return torch.arange(len(data.splits["train"].labels)) % 3 != 0


@EVERY
def test_probabilities_that_know_more_than_chance(
    method: ClassicalMethod, data: FeatureSet, labelled: torch.Tensor
) -> None:
    validation = data.splits["validation"]
    probabilities = method.fit_predict(data, labelled, validation.features, defaults(method))
    assert probabilities.dtype == np.float32
    assert probabilities.shape == (*validation.features.shape[:2], data.num_classes)
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(-1), 1, rtol=1e-6)
    right = (probabilities.argmax(-1) == validation.labels.numpy()[:, None]).mean(0)
    assert right[-1] > 0.7  # chance is 1/3


@EVERY
def test_clips_without_a_label_are_not_looked_at(
    method: ClassicalMethod, data: FeatureSet, labelled: torch.Tensor
) -> None:
    train, features = data.splits["train"], data.splits["validation"].features
    other = replace(
        train,
        features=torch.where(labelled[:, None, None], train.features, 100),
        labels=torch.where(labelled, train.labels, (train.labels + 1) % data.num_classes),
    )
    changed = replace(data, splits={**data.splits, "train": other})
    before = method.fit_predict(data, labelled, features, defaults(method))
    assert np.array_equal(before, method.fit_predict(changed, labelled, features, defaults(method)))
    every = torch.ones_like(labelled)
    assert not np.array_equal(before, method.fit_predict(changed, every, features, defaults(method)))


@EVERY
@pytest.mark.parametrize("seen", [1, 3])
def test_the_future_and_other_clips_make_no_difference(
    method: ClassicalMethod, data: FeatureSet, labelled: torch.Tensor, seen: int
) -> None:
    features = data.splits["validation"].features
    later = features.clone()
    later[:, seen:] += 5
    before, after = (method.fit_predict(data, labelled, each, defaults(method)) for each in (features, later))
    assert np.array_equal(before[:, :seen], after[:, :seen])
    assert not np.array_equal(before, after)
    alone = method.fit_predict(data, labelled, features[3:4], defaults(method))
    np.testing.assert_allclose(alone[0], before[3], rtol=1e-4, atol=1e-6)


@EVERY
def test_one_clip_a_class_and_a_dead_feature_are_enough(method: ClassicalMethod, data: FeatureSet) -> None:
    dead = {
        name: replace(split, features=torch.where(torch.arange(data.feature_dim) == 2, 0.5, split.features))
        for name, split in data.splits.items()
    }
    labels = data.splits["train"].labels
    first = torch.zeros_like(labels, dtype=torch.bool)
    first[[int((labels == label).nonzero()[0]) for label in labels.unique()]] = True
    features = dead["validation"].features[:, :1]  # one level
    single = {name: replace(split, features=split.features[:, :1]) for name, split in dead.items()}
    probabilities = method.fit_predict(replace(data, splits=single), first, features, defaults(method))
    assert np.isfinite(probabilities).all()


def test_the_best_on_validation_and_of_equals_the_first() -> None:
    labels = torch.tensor([0, 1])
    worse, better = torch.tensor([[[0.9, 0.1]] * 2] * 2), torch.tensor([[[0.9, 0.1]] * 2, [[0.9, 0.1], [0.1, 0.9]]])
    assert best_on_validation([worse, better, better], labels) == 1
    assert best_on_validation([worse, worse], labels) == 0
