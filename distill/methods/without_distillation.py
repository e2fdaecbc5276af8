"""The paper's baseline (Table 1): the same GRU student, trained with cross-entropy only (Eq. 3)."""

from distill.losses import Losses, combined_loss
from distill.method import LossInputs, Method, student_size
from distill.models import Outputs


def _loss(outputs: Outputs, inputs: LossInputs, settings: None) -> Losses:
    return combined_loss(
        outputs.logits,
        inputs.labels,
        labelled=inputs.labelled,
        running=inputs.running,
        counted=inputs.counted,
    )


WITHOUT = Method(
    title="Without distillation",
    network="gru",
    hidden=student_size,
    loss=_loss,
    takes_lengths=True,
    takes_drawn_ratios=True,
    published="GRU without distillation",
)
