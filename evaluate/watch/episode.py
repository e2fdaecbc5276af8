"""An episode: what a stream has shown since everything started anew, with the state that the networks carry.

It has at most N segments, because the networks were trained on sequences of N. Then the next one begins.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from distill.models import Classifier
from distill.step import State, step
from evaluate.pipeline.sources import average
from evaluate.watch.segments import Segment

Decide = Callable[[NDArray[np.float32]], bool]  # (n, C) probabilities so far → decide now


@dataclass
class Episode:
    """The probabilities of one stream so far.

    Attributes:
        number: how many episodes of the stream there were before.
        networks: their probabilities are averaged.
        decide: the decision rule.
        probabilities: (C,) after each segment so far.
        times: of each segment so far, on the clock of the stream, in seconds.
        decided: the segment at which the decision was made, from 1; None: not yet.
    """

    number: int
    networks: Sequence[Classifier]
    decide: Decide
    probabilities: list[NDArray[np.float32]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    decided: int | None = None
    _states: list[State | None] = field(default_factory=list)

    @property
    def level(self) -> int:
        """How many segments were seen."""
        return len(self.probabilities)

    def add(self, segment: Segment) -> None:
        """Take one step with the next segment."""
        features = torch.from_numpy(segment.features[None])
        states = self._states or [None] * len(self.networks)
        steps = [step(network, features, own) for network, own in zip(self.networks, states, strict=True)]
        self._states = [state for _, state in steps]
        self.times.append(segment.time)
        self.probabilities.append(average([probabilities.numpy() for probabilities, _ in steps])[0])
        if self.decided is None and self.decide(np.stack(self.probabilities)):
            self.decided = self.level
