"""Made-up outputs of M networks and loss inputs, in float64, as any method may get them."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from distill.method import LossInputs, Method
from distill.models import Outputs

MODELS, BATCH, STEPS, CLASSES, UNITS = 3, 5, 4, 6, 8


def random(seed: int, *shape: int, scale: float = 2.0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * scale


@pytest.fixture
def outputs() -> Outputs:
    states = random(1, MODELS, BATCH, STEPS, UNITS).tanh()
    return Outputs(states, random(2, MODELS, BATCH, STEPS, CLASSES))


@pytest.fixture
def make_inputs() -> Callable[..., LossInputs]:
    """Loss inputs for a method; the second clip of the first model and the last of the others have no label."""

    def make(method: Method) -> LossInputs:
        labelled = torch.ones(MODELS, BATCH, dtype=torch.bool)
        labelled[0, 1] = labelled[1:, -1] = False
        teacher = Outputs(random(3, MODELS, BATCH, STEPS, UNITS).tanh(), random(4, MODELS, BATCH, STEPS, CLASSES))
        parameters = {
            name: first.double().repeat(MODELS, *[1] * first.dim()) + random(5, MODELS, *first.shape, scale=0.5)
            for name, first in method.parameters(STEPS, CLASSES).items()
        }
        drawn = torch.rand(MODELS, BATCH, generator=torch.Generator().manual_seed(6), dtype=torch.float64)
        labels = torch.randint(CLASSES, (MODELS, BATCH), generator=torch.Generator().manual_seed(7))
        targets = random(8, MODELS, BATCH, CLASSES).softmax(-1) if method.targets else None
        taught = teacher if method.teacher else None
        return LossInputs(labels, labelled, taught, parameters, lambda *shape: drawn.view(-1, *shape), targets)

    return make
