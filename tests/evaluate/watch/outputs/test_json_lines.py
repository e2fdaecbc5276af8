"""Each event is an object, with all probabilities."""

import json

import numpy as np

from evaluate.watch.events import Decided, Picture, Prediction, SourceEnded, SourceNotice
from evaluate.watch.outputs import JsonLines


def test_events() -> None:
    lines: list[str] = []
    output = JsonLines("a model", ("wave", "clap"), lines.append)
    probabilities = np.array([0.25, 0.75], np.float32)
    decision = Decided("clap", 0.75, 2, 1.5)
    output.show(Prediction("cam", 1, 2, 1.5, ("wave", "clap"), probabilities, decision, True, 0.25, 3, 1, 2))
    output.show(Picture("cam", 1.5, np.zeros((2, 2, 3), np.uint8)))
    output.show(SourceNotice("cam", "it stalls"))
    output.show(SourceEnded("cam", ""))
    output.show(SourceEnded("cam", "it is cut"))
    model, prediction, notice, end, failure = map(json.loads, lines)
    assert model == {"event": "model", "model": "a model", "classes": ["wave", "clap"]}
    assert prediction == {
        "event": "prediction",
        "source": "cam",
        "episode": 1,
        "level": 2,
        "time": 1.5,
        "class": "clap",
        "probability": 0.75,
        "probabilities": [0.25, 0.75],
        "decision": {"name": "clap", "probability": 0.75, "level": 2, "time": 1.5},
        "decided_now": True,
        "age_seconds": 0.25,
        "dropped_frames": 3,
        "missing_frames": 1,
        "skipped_segments": 2,
    }
    assert notice == {"event": "notice", "source": "cam", "notice": "it stalls"}
    assert (end["error"], failure["error"]) == (None, "it is cut")
