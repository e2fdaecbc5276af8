"""The one-euro filter, which steadies the region of a person: the slower a point moves, the more it is smoothed.

MediaPipe smooths the two points that give the next region, also where it does not smooth the joints. Only past values
are used.

Source: Casiez, Roussel, Vogel: 1 € Filter, CHI 2012; MediaPipe, LandmarksSmoothingCalculator.
"""

import math

import numpy as np
from numpy.typing import NDArray

RATE = 30.0  # frames a second; MediaPipe's Python package counts so whatever the video's rate is
MIN_CUTOFF, BETA, DERIVATE_CUTOFF = 0.01, 10.0, 1.0


class OneEuroFilter:
    """Filters values of one shape."""

    def __init__(self) -> None:
        self._raw: NDArray[np.float64] | None = None
        self._value = self._speed = np.empty(0)

    def __call__(self, values: NDArray[np.float64], scale: float) -> NDArray[np.float64]:
        """Return the filtered values of a frame.

        Args:
            values: of any shape, the same in each call.
            scale: the size of the object in the unit of the values; speeds are measured in it.
        """
        if self._raw is None:
            self._raw, self._value, self._speed = values, values, np.zeros_like(values)
            return values
        speed = (values - self._raw) / scale * RATE
        self._raw = values
        self._speed = self._speed + _alpha(np.full_like(values, DERIVATE_CUTOFF)) * (speed - self._speed)
        self._value = self._value + _alpha(MIN_CUTOFF + BETA * np.abs(self._speed)) * (values - self._value)
        return self._value


def _alpha(cutoff: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weight of the newest value for a cutoff frequency in Hz."""
    weight: NDArray[np.float64] = 1 / (1 + RATE / (2 * math.pi * cutoff))
    return weight
