"""KNN against a brute-force search in NumPy, and the votes by hand."""

from collections import Counter

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import distill.methods.knn as knn
from distill.feature_set import FeatureSet
from distill.methods.knn import K, nearest_labels, vote

Array = NDArray[np.float64]


def at_level(clip: Array, level: int) -> Array:
    mean = clip[: level + 1].mean(0)
    return np.asarray(mean / np.sqrt((mean**2).sum()))


def ranked(known: Array, labels: list[int], clip: Array, level: int) -> list[int]:
    """Labels of the known clips, the nearest first."""
    distances = [float(((at_level(other, level) - at_level(clip, level)) ** 2).sum()) for other in known]
    return [labels[index] for index in np.argsort(distances)]


def winner(nearest: list[int]) -> int:
    """The class with most votes; of equals the one that comes first."""
    votes = Counter(nearest)
    return max(votes, key=lambda label: (votes[label], -nearest.index(label)))


def test_neighbours_against_brute_force(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(knn, "AT_ONCE", 3)
    random = np.random.default_rng(0)
    known, others = random.normal(size=(20, 4, 6)), random.normal(size=(7, 4, 6))
    labels = random.integers(0, 5, 20)
    found = nearest_labels(torch.from_numpy(known), torch.from_numpy(labels), torch.from_numpy(others))
    assert found.shape == (7, 4, max(K))
    for clip in range(7):
        for level in range(4):
            assert found[clip, level].tolist() == ranked(known, labels.tolist(), others[clip], level)[: max(K)]


def test_the_whole_method_against_brute_force(data: FeatureSet) -> None:
    train, validation = data.splits["train"], data.splits["validation"]
    labelled = torch.arange(len(train.labels)) % 2 == 0
    known, labels = train.features[labelled].double().numpy(), train.labels[labelled].tolist()
    clips, truth = validation.features.double().numpy(), validation.labels.numpy()
    every = [[ranked(known, labels, clip, level) for level in range(clips.shape[1])] for clip in clips]
    of_k = {k: np.array([[winner(nearest[:k]) for nearest in levels] for levels in every]) for k in K}
    auc = {k: (guesses == truth[:, None]).mean(0).mean() for k, guesses in of_k.items()}
    best = max(K, key=lambda k: (auc[k], -k))
    assert len(set(auc.values())) > 1  # the choice matters
    probabilities = knn.KNN.fit_predict(data, labelled, validation.features, None, None)
    assert np.array_equal(probabilities.argmax(-1), of_k[best])
    shares = [[[nearest[:best].count(c) / best for c in range(3)] for nearest in levels] for levels in every]
    np.testing.assert_allclose(probabilities, shares, atol=1.1 * knn.NEARNESS)


def test_clips_that_have_ended_stay_as_they_were_against_brute_force() -> None:
    random = np.random.default_rng(0)
    known, others = random.normal(size=(20, 4, 6)), random.normal(size=(7, 4, 6))
    labels, lengths = random.integers(0, 5, 20), 1 + np.arange(20) % 4
    own = [np.concatenate([clip[:length]] + [clip[:length].mean(0)[None]] * (4 - length)) for clip, length in
           zip(known, lengths, strict=True)]  # fmt: skip
    for clip, length in zip(known, lengths, strict=True):
        clip[length:] = np.nan
    found = nearest_labels(*map(torch.from_numpy, (known, labels, others, lengths)))
    for clip in range(7):
        for level in range(4):
            assert found[clip, level].tolist() == ranked(np.array(own), labels.tolist(), others[clip], level)[: max(K)]
    every = torch.full((20,), 4)
    whole = torch.from_numpy(random.normal(size=(20, 4, 6)))
    equal = [nearest_labels(whole, torch.from_numpy(labels), whole, each) for each in (None, every)]
    assert torch.equal(*equal)


@pytest.mark.parametrize(
    ("nearest", "expected"),
    [
        ([2], 2),
        ([1, 0, 0, 2, 2], 0),  # a tie, and class 0 is nearer than class 2
        ([1, 2, 2, 0, 0], 2),
        ([0, 1, 1, 1, 0], 1),  # a majority, though class 0 is nearest
        ([2, 1, 0, 1, 2, 0, 0, 1, 2], 2),  # three ways
        ([0, 1, 1, 1, 0, 0, 0, 1, 1], 1),  # five of nine against the nearest
    ],
)
def test_votes(nearest: list[int], expected: int) -> None:
    shares = vote(torch.tensor(nearest), len(nearest), 3)
    assert shares.argmax().item() == expected
    assert shares.sum().item() == pytest.approx(1)
    counted = torch.tensor([nearest.count(c) / len(nearest) for c in range(3)])
    torch.testing.assert_close(shares, counted, atol=1.1 * knn.NEARNESS, rtol=0)


def test_farther_clips_do_not_vote() -> None:
    assert vote(torch.tensor([[1, 0, 0]]), 1, 2).tolist() == [[0.0, 1.0]]


def test_few_clips_leave_few_voices() -> None:
    features = torch.randn(2, 3, 4)
    assert nearest_labels(features, torch.tensor([4, 5]), features)[:, :, 0].tolist() == [[4] * 3, [5] * 3]
    assert nearest_labels(features, torch.tensor([4, 5]), features).shape == (2, 3, 2)


@pytest.mark.parametrize("classes", [1, 2, 3, 101])
@pytest.mark.parametrize("k", range(1, 20))
def test_shares_are_probabilities_for_every_k(k: int, classes: int) -> None:
    random = torch.Generator().manual_seed(k)
    drawn = torch.randint(classes, (500, k), generator=random)
    of_one = torch.full((1, k), classes - 1)
    for neighbours in (drawn, of_one):
        shares = vote(neighbours, k, classes)
        assert shares.dtype == torch.float32 and shares.isfinite().all()
        assert shares.min() >= 0 and shares.max() <= 1
        assert (shares.double().sum(-1) - 1).abs().max() < 1e-6
    assert vote(of_one, k, classes).max() == 1
