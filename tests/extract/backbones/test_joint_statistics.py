"""Joint statistics against NumPy, and what they leave out: where the person is."""

import numpy as np
import torch

from extract.backbones import load_backbone
from manifests.recipes.extraction import Extract


def drawn(sequences: list[np.ndarray]) -> np.ndarray:
    """The feature of each segment, given as (frames, actors, joints, 3), through the backbone's own drawing."""
    points = torch.from_numpy(np.concatenate([each.reshape(-1, 3) for each in sequences])).float()
    starts = np.cumsum([0] + [each.size // 3 for each in sequences[:-1]])
    shape = [(start, len(each), each.shape[2], each.shape[1]) for start, each in zip(starts, sequences, strict=True)]
    segments = torch.tensor(shape)[:, None].repeat(1, 2, 1)
    return load_backbone(Extract(backbone="joint_statistics", weights="none")).draw(points, segments)[:, 0].numpy()


def test_against_numpy() -> None:
    random = np.random.default_rng(0)
    sequences = [random.normal(size=(frames, actors, 5, 3)) for frames, actors in ((7, 1), (4, 2), (1, 1))]
    for found, sequence in zip(drawn(sequences), sequences, strict=True):
        body = sequence[:, 0] - sequence[:, 0].mean(axis=1, keepdims=True)  # the main actor
        expected = np.concatenate([body.mean(0).ravel(), body.std(0).ravel(), (body[-1] - body[0]).ravel()])
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_where_the_person_is_does_not_matter_and_what_he_does_does() -> None:
    random = np.random.default_rng(1)
    sequence = random.normal(size=(6, 1, 5, 3))
    walking = sequence + np.linspace(0, 2, 6)[:, None, None, None]
    np.testing.assert_allclose(drawn([sequence]), drawn([walking]), atol=1e-5)
    waving = sequence.copy()
    waving[3:, :, 0] += 1
    assert np.abs(drawn([sequence]) - drawn([waving])).max() > 0.1
