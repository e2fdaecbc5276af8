"""One step of a network: from the features of the next segment and the state to the probabilities and the new state.

A whole sequence in steps gives the probabilities of `predict_probabilities`, to float rounding. So a live stream costs
one segment's work at a time.
"""

import torch
from torch import Tensor

from common.errors import UserError
from distill.models import Classifier, full_precision

State = tuple[Tensor, ...]  # of a GRU (h,), of an LSTM (h, c), of the cumulative mean (sum, number of segments)


def refuse_future(model: Classifier, what: str) -> None:
    """Refuse a network whose answers depend on later segments.

    Args:
        model: the network.
        what: the model in sentences.

    Raises:
        UserError: it reads the segments in both directions.
    """
    if model.kind.startswith("bi"):
        raise UserError(
            f"{what} reads a recording in both directions, so it needs the end before it can answer; choose a student "
            "with --method"
        )


@torch.inference_mode()
def step(model: Classifier, features: Tensor, state: State | None = None) -> tuple[Tensor, State]:
    """Return the class probabilities (B, C) after the next segment, and the new state.

    Args:
        model: a network that reads in one direction, in evaluation mode.
        features: (B, D), of the next segment of B streams.
        state: that of the step before; None: this is the first segment.
    """
    with full_precision():
        if model.recurrent is None:
            total, count = state if state is not None else (torch.zeros_like(features), torch.zeros(()))
            new: State = (total + features, count + 1)
            output = new[0] / new[1]
        else:
            carried = None if state is None else state[0] if len(state) == 1 else state
            output, last = model.recurrent(features[:, None], carried)
            new, output = (last if isinstance(last, tuple) else (last,)), output[:, 0]
        probabilities: Tensor = model.classifier(output).softmax(-1)
        return probabilities, new
