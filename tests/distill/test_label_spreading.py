"""Label spreading against the closed form by dense matrices, and what it must not look at."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from distill.label_spreading import Spreading, spread_labels, stretched


def dense(
    clips_of_segments: list[NDArray[np.float64]], labels: list[int], labelled: list[bool], table: Spreading
) -> NDArray[np.float64]:
    """Zhou et al.'s (I - r S)^-1 Y with the graph by loops, in float64, of clips (M, D) that may differ in M."""
    clips, most = len(clips_of_segments), max(map(len, clips_of_segments))
    flat = np.concatenate(clips_of_segments)
    middles = [(place + 0.5) / most for place in range(most)]  # as shares of a clip
    features = np.stack([[own[int(middle * len(own))] for middle in middles] for own in clips_of_segments])
    whole = ((features - flat.mean(0)) / flat.std(0)).reshape(clips, -1)
    whole /= np.linalg.norm(whole, axis=1, keepdims=True)
    distance = np.linalg.norm(whole[:, None] - whole[None], axis=2)
    order = [sorted((j for j in range(clips) if j != i), key=lambda j: distance[i, j]) for i in range(clips)]
    scale = [distance[i, order[i][table.neighbours - 1]] for i in range(clips)]
    weight = np.zeros((clips, clips))
    for i in range(clips):
        for j in order[i][: table.neighbours]:
            weight[i, j] = weight[j, i] = np.exp(-(distance[i, j] ** 2) / (scale[i] * scale[j]))
    root = 1 / np.sqrt(weight.sum(1))
    given = np.zeros((clips, max(labels) + 1))
    for i in range(clips):
        given[i, labels[i]] = labelled[i]
    reached = np.linalg.solve(np.eye(clips) - table.reach * root[:, None] * weight * root, given)
    shares = reached / reached.sum(1, keepdims=True)
    return np.where(np.array(labelled)[:, None], given, shares)


@pytest.mark.parametrize("neighbours", [2, 5])
@pytest.mark.parametrize("reach", [0.5, 0.9])
def test_against_the_closed_form(neighbours: int, reach: float) -> None:
    random = np.random.default_rng(0)
    labels = [index % 3 for index in range(40)]
    features = random.normal(size=(40, 4, 6)) + np.array(labels)[:, None, None]
    labelled = [index < 9 for index in range(40)]
    table = Spreading(neighbours=neighbours, reach=reach)
    found = spread_labels(torch.from_numpy(features), torch.tensor(labels), torch.tensor(labelled), 3, table).numpy()
    connected = found.std(1) > 1e-9  # a piece of the graph without any label has no opinion
    assert connected.sum() > 30
    expected = dense(list(features), labels, labelled, table)
    np.testing.assert_allclose(found[connected], expected[connected], atol=2e-3)
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-6)


def test_clips_of_different_lengths_against_the_closed_form() -> None:
    random = np.random.default_rng(0)
    labels = [index % 3 for index in range(40)]
    features = random.normal(size=(40, 4, 6)) + np.array(labels)[:, None, None]
    labelled, lengths, table = [index < 9 for index in range(40)], [1 + index % 4 for index in range(40)], Spreading()
    for clip, length in enumerate(lengths):
        features[clip, length:] = np.nan
    found = spread_labels(
        torch.from_numpy(features), torch.tensor(labels), torch.tensor(labelled), 3, table, torch.tensor(lengths)
    )
    own = [clip[:length] for clip, length in zip(features, lengths, strict=True)]
    np.testing.assert_allclose(found.numpy(), dense(own, labels, labelled, table), atol=2e-3)


def test_stretched_clips_have_all_their_segments_in_order() -> None:
    clip = torch.arange(6.0)[None, :, None]
    found = stretched(clip.expand(4, -1, -1), torch.tensor([1, 2, 4, 6]))[..., 0]
    assert found.tolist() == [[0] * 6, [0, 0, 0, 1, 1, 1], [0, 1, 1, 2, 3, 3], [0, 1, 2, 3, 4, 5]]


def test_two_clouds_and_a_label_in_each() -> None:
    generator = torch.Generator().manual_seed(0)
    clouds = torch.arange(2).repeat_interleave(25)
    features = torch.randn(50, 3, 4, generator=generator) * 0.1 + torch.tensor([1.0, -1.0])[clouds][:, None, None]
    labelled = torch.zeros(50, dtype=torch.bool)
    labelled[[3, 40]] = True
    found = spread_labels(features, clouds, labelled, 2, Spreading())
    assert torch.equal(found.argmax(1), clouds)
    lies = torch.where(labelled, clouds, 1 - clouds)
    assert torch.equal(found, spread_labels(features, lies, labelled, 2, Spreading()))  # nobody else's label is read


def test_with_few_clips_or_none_that_is_like_them() -> None:
    features = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]], [[1.0, 0.1]]])
    labelled = torch.tensor([True, True, False])
    found = spread_labels(features, torch.tensor([0, 1, 1]), labelled, 2, Spreading(neighbours=30))
    assert found[2, 0] > 0.5
    still = spread_labels(features, torch.tensor([0, 1, 1]), labelled, 2, Spreading(reach=0.0))
    assert torch.equal(still[2], torch.tensor([0.5, 0.5]))


def test_a_clip_far_from_a_heap_of_equal_ones_spoils_nothing() -> None:
    features = torch.zeros(21, 2, 3)
    features[20] = 100.0
    labelled = torch.arange(21) < 2
    found = spread_labels(features, torch.zeros(21, dtype=torch.long), labelled, 2, Spreading(neighbours=4))
    assert found.isfinite().all()
    assert (found[:2, 0] == 1).all()
