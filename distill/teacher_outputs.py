"""What trained teachers say of the clips that their students are shown.

Of clips as they are it is computed once, for the teachers are frozen; of clips that were mixed or made noisy, anew for
every batch: a teacher judges what its student sees, or rather the whole of what its student sees the beginning of.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from distill.models import Classifier, Outputs, predict_outputs
from distill.stack import Stack


class TeacherOutputs:
    """The teachers of M models.

    Args of the constructor: one teacher a model, or None for all of them; the training features (clips, N, D); whether
    the students imitate the states too, which take more memory than the logits; whether clips will be shown changed.
    """

    def __init__(self, teachers: Sequence[Classifier | None], features: Tensor, states: bool, changed: bool) -> None:
        taught_by = [teacher for teacher in teachers if teacher is not None]
        self._stack = Stack.of(taught_by) if taught_by and changed else None
        self._said: Outputs | None = None
        if taught_by and not changed:
            distinct = list(dict.fromkeys(taught_by))
            said = [predict_outputs(teacher, features) for teacher in distinct]
            logits = torch.stack([outputs.logits for outputs in said])  # (teachers, clips, N, C)
            self._said = Outputs(torch.stack([each.states for each in said]) if states else logits[:, :0], logits)
            self._of_model = torch.tensor([distinct.index(teacher) for teacher in taught_by], device=features.device)

    def __call__(self, rows: Tensor, features: Tensor) -> Outputs | None:
        """Return what each model's teacher says; None where there are no teachers.

        Args:
            rows: (M, B), of the training clips.
            features: (M, B, N, D), of the same clips as they are shown.
        """
        if self._stack is not None:
            with torch.no_grad():
                return self._stack(features)
        if self._said is None:
            return None
        own = self._of_model[:, None]
        states = self._said.states
        return Outputs(states[own, rows] if states.shape[1] else states, self._said.logits[own, rows])
