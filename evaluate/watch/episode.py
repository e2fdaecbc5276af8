"""An episode: what a stream has shown since everything started anew, with the state that the networks carry.

It has at most N segments, because the networks were trained on sequences of N. Then the next one begins.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from evaluate.decisions.decision_maker import DecisionMaker
from evaluate.live.model_step import ModelStep
from evaluate.watch.events import Decided
from evaluate.watch.segment import Segment


@dataclass
class Episode:
    """The probabilities of one stream so far.

    Attributes:
        number: how many episodes of the stream there were before.
        step: the networks.
        decision_maker: tells when to decide.
        num_segments: N.
        probabilities: (C,) after each segment so far.
        times: of each segment so far, on the clock of the stream, in seconds.
        decided: the segment at which the decision was made, from 1; None: not yet.
    """

    number: int
    step: ModelStep
    decision_maker: DecisionMaker
    num_segments: int
    probabilities: list[NDArray[np.float32]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    decided: int | None = None
    _state: Tensor | None = None

    @property
    def is_over(self) -> bool:
        """Whether all segments were seen."""
        return self.level == self.num_segments

    @property
    def level(self) -> int:
        """How many segments were seen."""
        return len(self.probabilities)

    def next(self) -> "Episode":
        """Return the episode after this one, of which nothing was seen."""
        return Episode(self.number + 1, self.step, self.decision_maker, self.num_segments)

    def decision(self, classes: Sequence[str]) -> Decided | None:
        """Return what was decided; None: nothing yet."""
        if self.decided is None:
            return None
        probabilities, moment = self.probabilities[self.decided - 1], self.times[self.decided - 1]
        best = int(probabilities.argmax())
        return Decided(classes[best], float(probabilities[best]), self.decided, moment)

    @torch.inference_mode()
    def add(self, segment: Segment) -> None:
        """Take one step with the next segment."""
        state = torch.zeros(1, self.step.state_width) if self._state is None else self._state
        probabilities, self._state = self.step(torch.from_numpy(segment.features[None]), state)
        self.times.append(segment.time)
        self.probabilities.append(probabilities[0].numpy())
        if self.decided is None and self.decision_maker.decided(np.stack(self.probabilities))[-1]:
            self.decided = self.level
