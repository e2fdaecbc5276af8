"""SGD of a stack against torch's own optimiser and clipping on each model by itself."""

import pytest
import torch
from torch import Tensor

from distill.sgd import Sgd, learning_rate
from manifests.recipes.training import Training

MODELS, STEPS = 3, 7
SIZES = (0.2, 1.0, 5.0)  # of the models' losses, so that some are clipped and some are not


def loss_of(weight: Tensor, bias: Tensor, target: Tensor) -> Tensor:
    return (weight @ weight.mT + bias[..., None] - target).sin().square().mean()


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("weight_decay", [0.0, 0.05])
@pytest.mark.parametrize("clip", [0.3, 1e9])
def test_a_stack_steps_as_its_models_one_by_one(momentum: float, weight_decay: float, clip: float) -> None:
    training = Training(
        learning_rate=0.02, schedule="constant", momentum=momentum, weight_decay=weight_decay, gradient_clip=clip
    )
    generator = torch.Generator().manual_seed(0)
    first = {
        name: torch.randn(MODELS, *shape, generator=generator, dtype=torch.float64)
        for name, shape in {"weight": (4, 3), "bias": (4,)}.items()
    }
    targets = torch.randn(STEPS, MODELS, 4, 4, generator=generator, dtype=torch.float64)

    stacked = {name: tensor.clone().requires_grad_() for name, tensor in first.items()}
    sgd = Sgd(stacked, training)
    for target in targets:
        rows = range(MODELS)
        sgd.step(torch.stack([SIZES[m] * loss_of(stacked["weight"][m], stacked["bias"][m], target[m]) for m in rows]))

    clipped = []
    for m in range(MODELS):
        alone = {name: tensor[m].clone().requires_grad_() for name, tensor in first.items()}
        torchs = torch.optim.SGD(alone.values(), lr=0.02, momentum=momentum, weight_decay=weight_decay)
        for target in targets:
            torchs.zero_grad()
            (SIZES[m] * loss_of(alone["weight"], alone["bias"], target[m])).backward()
            clipped.append(bool(torch.nn.utils.clip_grad_norm_(alone.values(), clip) > clip))
            torchs.step()
        for name, tensor in alone.items():
            torch.testing.assert_close(stacked[name][m], tensor, rtol=1e-9, atol=1e-11)
            if momentum:
                expected = torchs.state[tensor]["momentum_buffer"]
                torch.testing.assert_close(sgd.momentum[name][m], expected, rtol=1e-9, atol=1e-11)
    if clip < 1:
        assert any(clipped)
        assert not all(clipped)  # a norm over all models would clip the small ones too


def test_without_momentum_there_is_none_to_keep() -> None:
    parameters = {"weight": torch.ones(2, 3, requires_grad=True)}
    assert Sgd(parameters, Training(momentum=0.0)).momentum == {}
    kept = Sgd(parameters, Training(momentum=0.9)).momentum["weight"]
    assert not kept.requires_grad
    assert kept.count_nonzero() == 0


def test_a_step_leaves_parameters_that_can_be_trained_on() -> None:
    parameters = {"weight": torch.ones(2, 3, requires_grad=True)}
    sgd = Sgd(parameters, Training())
    for _ in range(2):
        sgd.step(parameters["weight"].square().sum(1))
    assert parameters["weight"].is_leaf
    assert parameters["weight"].requires_grad
    assert (parameters["weight"] < 1).all()


def test_the_learning_rate_stays_or_falls_along_a_cosine() -> None:
    constant, cosine = Training(learning_rate=0.2, schedule="constant"), Training(learning_rate=0.2, schedule="cosine")
    shares = [0.0, 1 / 3, 0.5, 2 / 3, 1.0]
    assert [learning_rate(constant, share) for share in shares] == [0.2] * 5
    assert [learning_rate(cosine, share) for share in shares] == pytest.approx([0.2, 0.15, 0.1, 0.05, 0.0])
    moved = []
    for training, progress in [(constant, 0.5), (cosine, 0.5)]:
        parameters = {"weight": torch.ones(1, 3, requires_grad=True)}
        Sgd(parameters, training).step(parameters["weight"].sum(1), progress)
        moved.append(1 - parameters["weight"][0, 0].item())
    assert moved[1] == pytest.approx(moved[0] / 2)
