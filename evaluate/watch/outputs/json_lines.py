"""The events of `watch` as lines of JSON, for another program. The first line has the classes."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from evaluate.watch.events import Event, Prediction, SourceEnded, SourceNotice
from evaluate.watch.outputs.output import Output


class JsonLines(Output):
    """Writes one object for each event: model, prediction, notice or end.

    Args:
        model: which method and seeds are used, in words.
        classes: in the order of the probabilities.
        write: gets the lines.
    """

    def __init__(self, model: str, classes: Sequence[str], write: Callable[[str], None]) -> None:
        self._write = write
        write(json.dumps({"event": "model", "model": model, "classes": list(classes)}))

    def show(self, event: Event) -> None:
        """See `Output.show`."""
        if isinstance(event, Prediction):
            self._write(json.dumps(prediction_fields(event)))
        elif isinstance(event, SourceNotice):
            self._write(json.dumps({"event": "notice", "source": event.source, "notice": event.sentence}))
        elif isinstance(event, SourceEnded):
            self._write(json.dumps({"event": "end", "source": event.source, "error": event.reason or None}))


def prediction_fields(event: Prediction) -> dict[str, Any]:
    """Return a prediction as plain values."""
    best = int(event.probabilities.argmax())
    return {
        "event": "prediction",
        "source": event.source,
        "episode": event.episode,
        "level": event.level,
        "time": event.time,
        "class": event.classes[best],
        "probability": float(event.probabilities[best]),
        "probabilities": event.probabilities.tolist(),
        "decision": None if event.decision is None else event.decision._asdict(),
        "decided_now": event.is_new,
        "age_seconds": event.age,
        "dropped_frames": event.dropped,
        "missing_frames": event.missing,
        "skipped_segments": event.skipped,
    }
