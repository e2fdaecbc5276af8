"""DeepSCN's closed forms against least squares on rows written out, the dropout drawn thousands of times."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from distill.losses import running_segments
from distill.methods.deep_scn import DeepScn, apply_layer, ridge_regressions, solve_layer

Array = NDArray[np.float64]

CLIPS, LEVELS, WIDTH = 12, 3, 4
LABELS = [0, 1, 2] * 4


def made_up() -> Array:
    random = np.random.default_rng(0)
    whole = random.normal(size=(CLIPS, 1, WIDTH)) @ random.normal(size=(WIDTH, WIDTH))
    return np.asarray(whole + random.normal(size=(CLIPS, LEVELS, WIDTH)) * np.array([2.0, 1.0, 0.0])[:, None])


def solved(levels: Array, lengths: list[int] | None = None, **table: float) -> Array:
    settings = DeepScn.model_validate({"order": 0.0, "pull": 0.0, "dropout": 0.0} | table)
    running = None if lengths is None else running_segments(torch.tensor(lengths), LEVELS)
    return solve_layer(torch.from_numpy(levels), torch.tensor(LABELS), settings, running).numpy()


def least_squares(rows: list[Array], targets: list[Array]) -> Array:
    return np.asarray(np.linalg.lstsq(np.array(rows), np.array(targets), rcond=None)[0].T)


@pytest.mark.parametrize("dropout", [0.3, 0.6])
def test_dropout_in_expectation(dropout: float) -> None:
    """The same system by Monte Carlo: W that completes many corrupted copies of every clip at every level."""
    levels, random = made_up(), np.random.default_rng(1)
    rows, targets = [], []
    for clip in levels:
        for level in clip:
            for missing in random.random((3000, WIDTH)) < dropout:
                rows.append(np.append(np.where(missing, 0, level), 1))
                targets.append(clip[-1])
    expected = least_squares(rows, targets)
    found = solved(levels, dropout=dropout)
    np.testing.assert_allclose(found, expected, atol=0.02 * np.abs(expected).max())
    assert np.abs(found - solved(levels)).max() > 0.1 * np.abs(expected).max()  # dropout is not nothing


@pytest.mark.parametrize("lengths", [None, [LEVELS] * CLIPS, [1, 3, 2] * 2 + [3, 1, 2] * 2])
@pytest.mark.parametrize(("order", "pull"), [(0.0, 0.0), (0.7, 0.0), (0.0, 0.4), (0.7, 0.4)])
def test_every_term_as_rows_of_least_squares(order: float, pull: float, lengths: list[int] | None) -> None:
    levels, own = made_up(), lengths or [LEVELS] * CLIPS
    for clip, length in zip(levels, own, strict=True):
        clip[length:] = np.nan
    rows, targets, nothing = [], [], np.zeros(WIDTH)
    of_clip = [clip[:length].mean(0) for clip, length in zip(levels, own, strict=True)]
    means = {c: np.mean([of_clip[i] for i in range(CLIPS) if LABELS[i] == c], 0) for c in LABELS}
    for i in range(CLIPS):
        for n in range(own[i]):
            rows.append(np.append(levels[i, n], 1))
            targets.append(levels[i, own[i] - 1])
            if n + 1 < own[i]:
                rows.append(np.sqrt(order) * np.append(levels[i, n + 1] - levels[i, n], 0))
                targets.append(nothing)
            rows.append(np.sqrt(pull) * np.append(levels[i, n] - means[LABELS[i]], 0))
            targets.append(nothing)
    found = solved(levels, lengths, order=order, pull=pull)
    np.testing.assert_allclose(found, least_squares(rows, targets), atol=2e-4)


def test_a_layer_brings_partial_clips_closer_to_the_whole() -> None:
    levels = made_up()
    standard = torch.from_numpy((levels - levels.mean((0, 1))) / levels.std((0, 1)))
    weights = solve_layer(standard, torch.tensor(LABELS), DeepScn(dropout=0.0, order=0.0, pull=0.0))
    linear = standard @ weights[:, :-1].T + weights[:, -1]
    torch.testing.assert_close(apply_layer(weights, standard), linear.tanh())

    def missed(guess: torch.Tensor) -> float:
        return float((guess - standard[:, -1:])[:, 0].square().sum())

    assert missed(linear) < missed(standard)


@pytest.mark.parametrize("lengths", [None, [1, 3, 2] * 2 + [3, 1, 2] * 2])
@pytest.mark.parametrize("ridge", [1e-6, 0.1, 3.0])
def test_ridge_regression_against_the_normal_equations(ridge: float, lengths: list[int] | None) -> None:
    levels, one_hot, own = made_up(), np.eye(3)[LABELS], lengths or [LEVELS] * CLIPS
    every = np.concatenate([clip[:length] for clip, length in zip(levels, own, strict=True)])
    inputs = np.concatenate([every, np.ones((len(every), 1))], 1)
    targets = np.repeat(one_hot, own, 0)
    for clip, length in zip(levels, own, strict=True):
        clip[length:] = np.nan
    running = None if lengths is None else running_segments(torch.tensor(lengths), LEVELS)
    gram = inputs.T @ inputs
    expected = np.linalg.solve(gram + ridge * np.trace(gram) / len(gram) * np.eye(len(gram)), inputs.T @ targets)
    strongest, found = ridge_regressions(torch.from_numpy(levels), torch.from_numpy(one_hot), (50.0, ridge), running)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-8, atol=1e-10)
    assert strongest.norm() < found.norm()
