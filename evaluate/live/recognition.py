"""The result for one recording: class probabilities after each segment, the best classes, and the decision."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evaluate.decisions.decision_maker import ConfidenceThreshold, DecisionMaker


class Recording(NamedTuple):
    """A recording to recognise.

    Attributes:
        name: how it is called in outputs: the path as it was given.
        files: by stream, a local path or a URL.
    """

    name: str
    files: Mapping[str, str]


class Unusable(NamedTuple):
    """An input that cannot be recognised, and the reason in words."""

    name: str
    reason: str


class ClassProbability(NamedTuple):
    """A class and its probability."""

    name: str
    probability: float


class Decision(NamedTuple):
    """The first moment at which the prediction is good enough, and the class that is most probable there.

    Attributes:
        level: the progress level, from 1 to N.
        ratio: the share of the recording that was seen.
        name: the class.
        probability: of the class.
    """

    level: int
    ratio: float
    name: str
    probability: float


@dataclass(frozen=True, eq=False)
class Recognition:
    """The class probabilities of one recording.

    Attributes:
        recording: what was recognised.
        classes: the C names of the classes, in the order of the probabilities.
        probabilities: (N, C) float32; row n is the prediction from the first n + 1 of N segments.
        num_frames: number of frames of the recording, in its first stream.
        decision_maker: of the model that recognised it.
    """

    recording: Recording
    classes: tuple[str, ...]
    probabilities: NDArray[np.float32]
    num_frames: int
    decision_maker: DecisionMaker = field(default_factory=ConfidenceThreshold)

    @property
    def ratios(self) -> tuple[float, ...]:
        """The share of the recording that was seen at each of the N progress levels."""
        return tuple(level / len(self.probabilities) for level in range(1, len(self.probabilities) + 1))

    def top(self, k: int = 1) -> list[list[ClassProbability]]:
        """Return the k most probable classes at each progress level, the most probable first.

        Args:
            k: how many; all classes if there are fewer. Of equally probable classes the first one comes first.
        """
        return [most_probable(self.classes, row, k) for row in self.probabilities]

    def decision(self, threshold: float | None = None) -> Decision | None:
        """Return the first moment at which the decision maker decides; None: never.

        Args:
            threshold: a probability that the most probable class needs; None: the model's decision maker decides.
        """
        maker = self.decision_maker if threshold is None else ConfidenceThreshold(threshold)
        decided = maker.decided(self.probabilities)
        if not decided.any():
            return None
        level = int(decided.argmax()) + 1
        return Decision(level, self.ratios[level - 1], *self.top(1)[level - 1][0])


def most_probable(classes: Sequence[str], probabilities: NDArray[np.float32], k: int) -> list[ClassProbability]:
    """Return the k most probable classes, the most probable first; of equal ones the first one comes first.

    Args:
        classes: the C names.
        probabilities: (C,).
        k: how many; all classes if there are fewer.
    """
    order = np.argsort(-probabilities, kind="stable")[:k]
    return [ClassProbability(classes[index], float(probabilities[index])) for index in order]
