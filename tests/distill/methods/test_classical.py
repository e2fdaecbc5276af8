"""What holds for every method without gradients: probabilities of every clip and level, from labelled clips alone."""

import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from common.config import Config
from distill.feature_set import FeatureSet
from distill.method import ClassicalMethod
from distill.methods import METHODS
from distill.model_selection import best_on_validation
from distill.observation import at_ratios

CLASSICAL = {name: method for name, method in METHODS.items() if isinstance(method, ClassicalMethod)}
TIMED = pytest.mark.parametrize(
    "method", [each for each in CLASSICAL.values() if each.takes_lengths], ids=lambda method: method.title
)
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
    probabilities = method.fit_predict(data, labelled, validation.features, None, defaults(method))
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
    before = method.fit_predict(data, labelled, features, None, defaults(method))
    assert np.array_equal(before, method.fit_predict(changed, labelled, features, None, defaults(method)))
    every = torch.ones_like(labelled)
    assert not np.array_equal(before, method.fit_predict(changed, every, features, None, defaults(method)))


@EVERY
@pytest.mark.parametrize("seen", [1, 3])
def test_the_future_and_other_clips_make_no_difference(
    method: ClassicalMethod, data: FeatureSet, labelled: torch.Tensor, seen: int
) -> None:
    features = data.splits["validation"].features
    later = features.clone()
    later[:, seen:] += 5
    before, after = (method.fit_predict(data, labelled, each, None, defaults(method)) for each in (features, later))
    assert np.array_equal(before[:, :seen], after[:, :seen])
    assert not np.array_equal(before, after)
    alone = method.fit_predict(data, labelled, features[3:4], None, defaults(method))
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
    probabilities = method.fit_predict(replace(data, splits=single), first, features, None, defaults(method))
    assert np.isfinite(probabilities).all()


def whole_clips(data: FeatureSet) -> FeatureSet:
    """The same clips, each with the length N."""
    splits = {
        name: replace(split, lengths=torch.full_like(split.labels, data.num_segments))
        for name, split in data.splits.items()
    }
    return replace(data, splits=splits)


@TIMED
def test_what_follows_a_clip_is_not_read(
    method: ClassicalMethod, data: FeatureSet, labelled: torch.Tensor, with_lengths: Callable[..., FeatureSet]
) -> None:
    found = []
    for padding in (0.0, torch.nan, 1e30):
        clips = with_lengths(data, padding)
        validation = clips.splits["validation"]
        found.append(method.fit_predict(clips, labelled, validation.features, validation.lengths, defaults(method)))
    assert found[0].shape == (len(validation.labels), 10, data.num_classes)
    np.testing.assert_allclose(found[0].sum(-1), 1, rtol=1e-6)
    assert np.array_equal(found[0], found[1]) and np.array_equal(found[0], found[2])


@TIMED
def test_clips_that_all_have_n_segments_are_predicted_as_equal_parts_are(
    method: ClassicalMethod, data: FeatureSet, labelled: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the same hyper-parameter: it is chosen by the accuracy at other ratios, so it need not be the same."""
    module = sys.modules[method.fit_predict.__module__]
    monkeypatch.setattr(module, "best_on_validation", lambda scores, labels: len(list(scores)) - 1)
    validation = data.splits["validation"]
    parts = method.fit_predict(data, labelled, validation.features, None, defaults(method))
    lengths = torch.full_like(validation.labels, data.num_segments)
    timed = method.fit_predict(whole_clips(data), labelled, validation.features, lengths, defaults(method))
    expected = at_ratios(torch.from_numpy(parts), lengths, before=1 / data.num_classes)
    assert np.array_equal(timed, expected.numpy())


@TIMED
def test_a_prediction_depends_on_what_has_been_observed(
    method: ClassicalMethod, data: FeatureSet, labelled: torch.Tensor, with_lengths: Callable[..., FeatureSet]
) -> None:
    clips = with_lengths(data)
    validation = clips.splits["validation"]
    changed = validation.features.clone()
    changed[:, -1] += 5 * (changed[:, -1] != 0)  # the last segment of the longest clips
    before, after = (
        method.fit_predict(clips, labelled, features, validation.lengths, defaults(method))
        for features in (validation.features, changed)
    )
    assert np.array_equal(before[:, :9], after[:, :9])
    assert not np.array_equal(before[:, 9], after[:, 9])
    assert (before[validation.lengths == 1, :9] == np.float32(1 / data.num_classes)).all(), "no segment has ended"


@TIMED
def test_a_clip_may_be_longer_than_every_training_clip(
    method: ClassicalMethod, data: FeatureSet, labelled: torch.Tensor, with_lengths: Callable[..., FeatureSet]
) -> None:
    clips = with_lengths(data)
    train, validation = clips.splits["train"], clips.splits["validation"]
    assert train.lengths is not None
    short = replace(train, lengths=train.lengths.clamp(max=2), features=train.features.clone())
    short.features[:, 2:] = torch.nan
    given = replace(clips, splits={**clips.splits, "train": short})
    found = method.fit_predict(given, labelled, validation.features, validation.lengths, defaults(method))
    assert np.isfinite(found).all()


def test_the_best_on_validation_and_of_equals_the_first() -> None:
    labels = torch.tensor([0, 1])
    worse, better = torch.tensor([[[0.9, 0.1]] * 2] * 2), torch.tensor([[[0.9, 0.1]] * 2, [[0.9, 0.1], [0.1, 0.9]]])
    assert best_on_validation([worse, better, better], labels) == 1
    assert best_on_validation([worse, worse], labels) == 0
