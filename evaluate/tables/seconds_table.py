"""Accuracy by seconds seen as CSV: a row for each method and segment of a fixed time.

| column | content |
| --- | --- |
| `method`, `seeds` | name of the method; how many seeds |
| `seconds` | the time from the beginning of the recording to the end of the segment |
| `accuracy`, `accuracy_std` | over all test clips, in per cent; mean and sample standard deviation over seeds |
| `clips_running`, `clips` | how many test clips have this segment, so that they go on until then; all test clips |

A clip that has ended counts with its last prediction.
"""

from collections.abc import Mapping, Sequence

import pandas as pd

from evaluate.scoring.scores import Scores, check_comparable
from evaluate.scoring.seconds import SecondsScores
from evaluate.scoring.summary import summarise
from evaluate.tables.formats import csv_table


def seconds_of(scores: Mapping[str, Sequence[Scores]]) -> dict[str, list[SecondsScores]]:
    """Return the scores after each segment of the methods of which all seeds have them, by method."""
    found = {method: [run.seconds for run in runs if run.seconds is not None] for method, runs in scores.items()}
    return {method: own for method, own in found.items() if len(own) == len(scores[method])}


def render_seconds_csv(scores: Mapping[str, Sequence[Scores]]) -> str:
    """Return accuracy by seconds seen (method → one `Scores` per seed) as CSV; see above.

    Raises:
        UserError: the scores are not comparable.
    """
    check_comparable(scores)
    rows = []
    for method, runs in seconds_of(scores).items():
        for level, (seconds, running) in enumerate(zip(runs[0].seconds, runs[0].clips_running, strict=True)):
            mean, std = summarise([run.accuracy[level] for run in runs])
            rows.append((method, len(runs), seconds, mean, std, running, len(runs[0].correct)))
    columns = ["method", "seeds", "seconds", "accuracy", "accuracy_std", "clips_running", "clips"]
    return csv_table(pd.DataFrame(rows, columns=columns).astype({"accuracy_std": "float64"}))
