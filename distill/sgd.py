"""SGD for M models side by side. Each has its own gradient norm, so torch's optimiser cannot be used.

The result is that of `clip_grad_norm_` and `torch.optim.SGD` for each model alone.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from manifests.recipes.training import Training


class Sgd:
    """The momentum of stacked parameters, and the step that uses it.

    Args:
        parameters: by name, each (M, ...).
        training: learning rate, momentum, weight decay and gradient clip.

    Attributes:
        momentum: by name, each (M, ...); empty if momentum is 0.
    """

    def __init__(self, parameters: Mapping[str, Tensor], training: Training) -> None:
        self._parameters, self._training = parameters, training
        zeros = {name: torch.zeros_like(tensor, requires_grad=False) for name, tensor in parameters.items()}
        self.momentum: dict[str, Tensor] = zeros if training.momentum else {}

    def step(self, losses: Tensor, progress: float = 0.0) -> None:
        """Make one SGD step for each model.

        Args:
            losses: (M,).
            progress: the finished share of the training, which determines the learning rate of a schedule.
        """
        training = self._training
        # The gradient of the sum has each model's own gradient, because no loss depends on another model.
        gradients = torch.autograd.grad(losses.sum(), list(self._parameters.values()))
        with torch.no_grad():
            norms = [torch.linalg.vector_norm(each, dim=tuple(range(1, each.dim()))) for each in gradients]
            norm = torch.linalg.vector_norm(torch.stack(norms), dim=0)  # (M,)
            scale = (training.gradient_clip / (norm + 1e-6)).clamp(max=1)
            for (name, parameter), gradient in zip(self._parameters.items(), gradients, strict=True):
                own_scale = scale.view(-1, *[1] * (gradient.dim() - 1))
                step = self.momentum[name].mul_(training.momentum) if training.momentum else torch.zeros_like(parameter)
                step.addcmul_(gradient, own_scale)
                if training.weight_decay:
                    step.add_(parameter, alpha=training.weight_decay)
                parameter.add_(step, alpha=-learning_rate(training, progress))


def learning_rate(training: Training, progress: float) -> float:
    """Return the learning rate after a share of the training. It is constant, or falls to 0 as half a cosine."""
    if training.schedule == "constant":
        return training.learning_rate
    return training.learning_rate * 0.5 * (1 + math.cos(math.pi * progress))
