"""The paper's teacher (§2.1): a BiGRU on whole sequences, cross-entropy (Eq. 3) averaged over all steps.

Not a method for early recognition: its output after segment n has seen all N.
"""

from distill.losses import Losses, combined_loss
from distill.method import LossInputs, Method, teacher_size
from distill.models import Outputs


def _loss(outputs: Outputs, inputs: LossInputs, settings: None) -> Losses:
    return combined_loss(outputs.logits, inputs.labels, labelled=inputs.labelled)


TEACHER = Method(title="Teacher (sees the whole action)", network="bigru", hidden=teacher_size, loss=_loss)
