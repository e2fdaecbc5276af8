"""Recognitions as text: a timeline for the terminal, a line of JSON, and the rows of a CSV file."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from evaluate.decisions.decision_maker import ConfidenceThreshold
from evaluate.decisions.stored_rule import StoredRule
from evaluate.live.recognition import ClassProbability, Recognition

WIDTH = 80  # columns of a terminal
BAR = 20  # columns of the bar of a probability of 1
NAME = 42  # columns of the name of the most probable class, at most; the next classes get what is left
CSV_COLUMNS = ("video", "observation_ratio", "class", "probability")


def timeline(recognition: Recognition, top: int) -> str:
    """Return a recognition as lines of at most 80 columns, one for each observation ratio.

    A line has the share of the recording that was seen, the most probable class with a bar, and the next classes.

    Args:
        recognition: what is shown.
        top: how many classes a line names.
    """
    best = recognition.top(top)
    width = min(NAME, max(len(row[0].name) for row in best))
    lines = [f"{recognition.recording.name} ({recognition.num_frames} frames)"]
    for ratio, row in zip(recognition.ratios, best, strict=True):
        bar = "█" * round(BAR * row[0].probability)
        line = f"{percent(ratio):>6}  {bar:<{BAR}} {percent(row[0].probability):>5}  {cut(row[0].name, width):<{width}}"
        lines.append(cut(f"{line}  {_others(row[1:])}".rstrip(), WIDTH))
    return "\n".join([*lines, f"        {decision_in_words(recognition)}"])


def decision_in_words(recognition: Recognition) -> str:
    """Return what was decided, when, and by which stored rule; or that nothing was decided."""
    decision, maker = recognition.decision(), recognition.decision_maker
    if decision is None:
        reached = f": no class reaches {percent(maker.threshold)}" if isinstance(maker, ConfidenceThreshold) else ""
        return f"not decided{reached}"
    by = f" by {maker.summary}" if isinstance(maker, StoredRule) else ""
    return f"decided at {percent(decision.ratio)}: {decision.name} ({percent(decision.probability)}){by}"


def percent(share: float) -> str:
    """Return a share as in `43 %`."""
    return f"{100 * share:.0f} %"


def as_json(recognition: Recognition) -> dict[str, Any]:
    """Return a recognition as plain values: the probabilities are N lists of C numbers."""
    decision = recognition.decision()
    return {
        "video": recognition.recording.name,
        "num_frames": recognition.num_frames,
        "classes": list(recognition.classes),
        "observation_ratios": list(recognition.ratios),
        "probabilities": recognition.probabilities.tolist(),
        "decision": None if decision is None else decision._asdict(),
        "decided_by": recognition.decision_maker.as_json(),
    }


def as_csv(recognitions: Sequence[Recognition]) -> str:
    """Return recognitions as CSV: a row for each recording, observation ratio and class, with all digits."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for each in recognitions:
        for ratio, row in zip(each.ratios, each.probabilities.tolist(), strict=True):
            writer.writerows((each.recording.name, ratio, *pair) for pair in zip(each.classes, row, strict=True))
    return text.getvalue()


def _others(row: Sequence[ClassProbability]) -> str:
    return ", ".join(f"{percent(each.probability)} {each.name}" for each in row)


def cut(text: str, width: int) -> str:
    """Return a text of at most `width` columns."""
    return text if len(text) <= width else f"{text[: width - 1]}…"
