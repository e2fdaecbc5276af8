"""A sequence in steps gives what the whole sequence gives."""

import numpy as np
import pytest
import torch

from common.errors import UserError
from distill.models import KINDS, Classifier, Kind, predict_probabilities
from distill.step import refuse_future, step

ROUNDING = 1e-6  # of float32 sums in another order


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.startswith("bi")])
@pytest.mark.parametrize("clips", [1, 3])
def test_steps_give_the_probabilities_of_the_whole_sequence(kind: Kind, clips: int) -> None:
    torch.manual_seed(0)
    model = Classifier(kind, feature_dim=7, hidden=5, num_classes=4).eval()
    features = torch.randn(clips, 10, 7)
    state, found = None, []
    for segment in features.unbind(1):
        probabilities, state = step(model, segment, state)
        found.append(probabilities.numpy())
    expected = predict_probabilities(model, features)
    assert np.abs(np.stack(found, 1) - expected).max() < ROUNDING
    assert np.ptp(expected, axis=1).max() > 0.01  # the probabilities change from step to step


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_of_both_directions_is_refused(kind: Kind) -> None:
    model = Classifier(kind, feature_dim=3, hidden=2, num_classes=2)
    if kind.startswith("bi"):
        with pytest.raises(UserError, match=r"the teacher reads .* both directions"):
            refuse_future(model, "the teacher")
    else:
        refuse_future(model, "the student")
