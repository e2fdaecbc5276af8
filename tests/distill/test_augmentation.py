"""Dropout, noise and mixing in a stack: each model's own seed decides what happens to it, and nothing else does."""

from typing import Any

import pytest
import torch
from torch import Tensor

from distill.augmentation import Augmentation, AugmentedBatch
from manifests.recipes.training import Training

CPU = torch.device("cpu")


def augmentation(seeds: list[int], epoch: int = 1, **training: Any) -> Augmentation:
    off = dict.fromkeys(("input_dropout", "output_dropout", "feature_noise", "mixup"), 0.0)
    return Augmentation(seeds, epoch, CPU, Training.model_validate(off | training))


def drop(seeds: list[int], epoch: int = 1, share: float = 0.3, shape: tuple[int, ...] = (40, 3, 50)) -> Tensor:
    return augmentation(seeds, epoch, input_dropout=share).drop_input(torch.ones(len(seeds), *shape))


def mix(seeds: list[int], labelled_rows: int = 0, epoch: int = 1, **training: Any) -> AugmentedBatch:
    features = torch.randn(9, 4, 5, generator=torch.Generator().manual_seed(0)).expand(len(seeds), -1, -1, -1)
    return augmentation(seeds, epoch, **training).mix(features, labelled_rows, torch.tensor([1.0, 2.0, 3.0, 0.0, 1.0]))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_as_much_is_dropped_as_is_said_and_the_rest_scaled_up(share: float) -> None:
    dropped = drop([0], share=share, shape=(300, 2, 300))
    torch.testing.assert_close(dropped.unique(), torch.tensor([0.0, 1 / (1 - share)]))
    assert dropped.eq(0).double().mean().item() == pytest.approx(share, abs=0.01)
    assert torch.equal(dropped[:, :, 0], dropped[:, :, 1])  # the same dimensions at every step


def test_features_and_states_have_a_share_each() -> None:
    ones = torch.ones(1, 50, 2, 50)
    both = augmentation([0], input_dropout=0.2, output_dropout=0.8)
    assert both.drop_input(ones).eq(0).double().mean().item() == pytest.approx(0.2, abs=0.05)
    assert both.drop_output(ones).eq(0).double().mean().item() == pytest.approx(0.8, abs=0.05)
    none = augmentation([0])
    assert torch.equal(none.drop_input(ones), ones)
    assert torch.equal(none.drop_output(ones), ones)


def test_who_trains_beside_a_model_makes_no_difference() -> None:
    seeds, changes = [5, 2, 5, 9], {"mixup": 0.4, "feature_noise": 0.3}
    dropped, mixed = drop(seeds), mix(seeds, **changes)
    for row, seed in enumerate(seeds):
        assert torch.equal(dropped[row], drop([seed])[0])
        assert torch.equal(mixed.features[row], mix([seed], **changes).features[0])
        assert mixed.share[row] == mix([seed], **changes).share[0]
    assert torch.equal(dropped[0], dropped[2])  # methods of one seed see the same
    assert torch.equal(mixed.features[0], mixed.features[2])
    assert not torch.equal(dropped[0], dropped[1])
    assert not torch.equal(mixed.features[0], mixed.features[1])


def test_every_epoch_and_every_call_draws_anew() -> None:
    assert torch.equal(drop([1], epoch=4), drop([1], epoch=4))
    assert not torch.equal(drop([1], epoch=4), drop([1], epoch=5))
    both, ones = augmentation([1, 1, 2], input_dropout=0.5), torch.ones(3, 20, 2, 20)
    first, second = both.drop_input(ones), both.drop_input(ones)
    assert not torch.equal(first, second)
    assert torch.equal(second[0], second[1])  # the generator that two share goes on once a call


def test_the_callers_random_numbers_stay_as_they_are() -> None:
    before = torch.random.get_rng_state()
    drop([0, 1])
    mix([0, 1], mixup=0.4, feature_noise=0.1)
    assert torch.equal(before, torch.random.get_rng_state())


def test_gradients_pass_where_values_do() -> None:
    tensor = torch.ones(2, 10, 3, 10, requires_grad=True)
    dropped = augmentation([0, 1], output_dropout=0.4).drop_output(tensor)
    (gradient,) = torch.autograd.grad(dropped.sum(), tensor)
    torch.testing.assert_close(gradient, dropped.detach())


@pytest.mark.parametrize("labelled_rows", [0, 4, 9, 64])
def test_a_clip_is_mixed_with_a_clip_of_its_kind(labelled_rows: int) -> None:
    """Those with a label among themselves, and in the share that is told."""
    plain, mixed = mix([0, 1]), mix([0, 1], labelled_rows, mixup=0.4)
    assert mixed.partner is not None
    assert sorted(mixed.partner.tolist()) == list(range(9))  # everyone is a partner once
    rows = torch.arange(9)
    assert ((rows < labelled_rows) == (mixed.partner < labelled_rows)).all()
    assert (mixed.partner != rows).all()
    for model, share in enumerate(mixed.share):
        expected = share * plain.features[model] + (1 - share) * plain.features[model][mixed.partner]
        torch.testing.assert_close(mixed.features[model], expected)


def test_a_clip_stays_more_itself_than_its_partner() -> None:
    shares = torch.stack([mix([0], epoch=epoch, mixup=0.4).share for epoch in range(1, 300)])
    assert shares.min() >= 0.6
    assert shares.max() <= 1
    assert shares.mean().item() == pytest.approx(0.8, abs=0.02)


def test_noise_has_the_deviation_of_its_dimension() -> None:
    features = torch.zeros(1, 200, 10, 3)
    noisy = augmentation([0], feature_noise=0.5).mix(features, 0, torch.tensor([1.0, 4.0, 0.0])).features
    torch.testing.assert_close(noisy.std((0, 1, 2)), torch.tensor([0.5, 2.0, 0.0]), rtol=0.05, atol=0)
    torch.testing.assert_close(noisy.mean((0, 1, 2)), torch.zeros(3), rtol=0, atol=0.15)


def test_nothing_is_changed_unless_asked_for() -> None:
    mixed = mix([0, 1])
    assert mixed.partner is None
    assert torch.equal(mixed.features[0], torch.randn(9, 4, 5, generator=torch.Generator().manual_seed(0)))
