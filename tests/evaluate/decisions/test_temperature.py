"""Temperature scaling finds the temperature that probabilities were sharpened with."""

import numpy as np
import pytest

from evaluate.decisions.temperature import fit_temperature, scale


@pytest.mark.parametrize("sharpened", [0.4, 1.0, 2.5])
def test_the_temperature_of_drawn_predictions_is_found(sharpened: float) -> None:
    chance = np.random.default_rng(0)
    honest = chance.dirichlet(np.ones(4), size=(20_000, 1))
    labels = (honest[:, 0].cumsum(axis=1) > chance.random((20_000, 1))).argmax(axis=1)
    given = scale(honest, 1 / sharpened).astype(np.float32)
    temperature = fit_temperature(given, labels)
    assert temperature == pytest.approx(sharpened, rel=0.03)
    assert np.abs(scale(given, temperature) - honest).max() < 0.03


def test_scaling_keeps_the_order_and_the_sum() -> None:
    probabilities = np.array([[[0.7, 0.2, 0.1], [1.0, 0.0, 0.0]]])
    for temperature in (0.05, 1, 30):
        scaled = scale(probabilities, temperature)
        assert scaled.sum(axis=2) == pytest.approx(np.ones((1, 2)))
        assert (np.diff(scaled[0, 0]) < 0).all()
    assert scale(probabilities, 1) == pytest.approx(probabilities)
