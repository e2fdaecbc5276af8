"""The outputs T(x_n) of trained teachers for the clips of a batch.

If the clips are not changed, the outputs are computed once, because the teachers are frozen. If the clips are cut,
mixed or noisy, the outputs are computed for every batch, from the same changed clips that the students get.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from distill.models import Classifier, Outputs, predict_outputs
from distill.stack import Stack


class TeacherOutputs:
    """The outputs of the teachers of M models.

    Args:
        teachers: one for each model, or None for all of them.
        features: of the training split, (clips, N, D).
        states: keep the states too, which need more memory than the logits.
        changed: the clips of a batch will be cut, mixed or noisy.
    """

    def __init__(self, teachers: Sequence[Classifier | None], features: Tensor, states: bool, changed: bool) -> None:
        present = [teacher for teacher in teachers if teacher is not None]
        self._stack = Stack.of(present) if present and changed else None
        self._outputs: Outputs | None = None
        if present and not changed:
            distinct = list(dict.fromkeys(present))
            outputs = [predict_outputs(teacher, features) for teacher in distinct]
            logits = torch.stack([each.logits for each in outputs])  # (teachers, clips, N, C)
            self._outputs = Outputs(torch.stack([each.states for each in outputs]) if states else logits[:, :0], logits)
            self._of_model = torch.tensor([distinct.index(teacher) for teacher in present], device=features.device)

    def __call__(self, rows: Tensor, features: Tensor) -> Outputs | None:
        """Return the outputs of each model's teacher; None if there are no teachers.

        Args:
            rows: (M, B), rows of the training split.
            features: (M, B, N, D), of the same clips after cuts, mixing and noise.
        """
        if self._stack is not None:
            with torch.no_grad():
                return self._stack(features)
        if self._outputs is None:
            return None
        own = self._of_model[:, None]
        states = self._outputs.states
        return Outputs(states[own, rows] if states.shape[1] else states, self._outputs.logits[own, rows])
