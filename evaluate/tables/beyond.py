"""The measures beyond accuracy of each method: calibration, early decisions, and how soon a clip stays right.

The numbers are means ± standard deviations over seeds, in per cent. Markdown has a few ratios, CSV has all of them. The
formulas are in `scoring.calibration` and `scoring.earliness`.
"""

from collections.abc import Mapping, Sequence

import pandas as pd

from evaluate.scoring.calibration import BINS
from evaluate.scoring.scores import Scores, check_comparable, observation_ratios
from evaluate.tables.formats import csv_table, markdown_table, printed
from evaluate.tables.notes import notes
from evaluate.tables.results_frame import beyond_columns, column, results_frame, rows_of_frame, summary, with_std

PRINTED_RATIOS = (20.0, 60.0, 100.0)  # of the calibration error: early, in the middle, at the end
PRINTED = {
    "calibration_error_mean": "ECE, mean",
    "decision_threshold": "Threshold",
    "decision_accuracy": "Accuracy when decided",
    "decision_earliness": "Earliness",
    "decision_harmonic_mean": "Harmonic mean",
    "time_to_correct": "Right for good from",
}
AGREEMENT = "teacher_agreement"  # printed if a method has a teacher


def render_beyond(scores: Mapping[str, Sequence[Scores]]) -> str:
    """Return the measures of every method (method → one `Scores` per seed) as Markdown below their explanation."""
    frame, ratios = results_frame(scores), observation_ratios(check_comparable(scores))
    chosen = PRINTED_RATIOS if set(PRINTED_RATIOS) <= set(ratios) else ratios
    heads = {column("calibration_error", ratio): f"ECE {ratio:.3g}%" for ratio in chosen} | PRINTED
    if frame[AGREEMENT].notna().any():
        heads[AGREEMENT] = "Like its teacher"
    rows = rows_of_frame(frame)
    cells = {head: [printed(summary(row, name)) for row in rows] for name, head in heads.items()}
    table = markdown_table(pd.DataFrame({"Method": frame["method"], **cells}), ["Method"])
    return f"{_caption(scores, frame)}\n\n{table}"


def render_beyond_csv(scores: Mapping[str, Sequence[Scores]]) -> str:
    """Return the measures of every method as CSV: means and deviations, the calibration error at every ratio."""
    ratios = observation_ratios(check_comparable(scores))
    return csv_table(results_frame(scores)[["method", "seeds", *with_std(beyond_columns(ratios))]])


def _caption(scores: Mapping[str, Sequence[Scores]], frame: pd.DataFrame) -> str:
    first = check_comparable(scores)
    num_segments = len(first.accuracy)
    sentences = [
        f"{first.protocol}: {'; '.join(notes(scores))}",
        "All in per cent" + ("; ± is the sample standard deviation over seeds" if (frame["seeds"] > 1).any() else ""),
        f"ECE: expected calibration error at a ratio, {BINS} bins of equal width",
        "A clip is decided at the first ratio at which the confidence reaches the threshold; if there is none, at the "
        "last. The threshold has the best harmonic mean on the validation clips",
        "Earliness: the part of a clip that is seen at the decision. Harmonic mean: of the accuracy and of "
        "1 − earliness",
        "Right for good from: the part of a clip from which on the prediction stays right; a clip that is wrong at the "
        f"end counts as {100 * (num_segments + 1) / num_segments:.3g}",
    ]
    if any(AGREEMENT in run.provenance for runs in scores.values() for run in runs):
        sentences.append(
            "Like its teacher: the share of clips and ratios for which student and teacher predict the same"
        )
    from distill.methods import METHODS  # loads torch, which most tables do not need

    titles = {kind.partition(",")[0] for kind in scores}
    own = [method for method in METHODS.values() if method.title in titles]
    if uncalibrated := [method.title for method in own if not method.outputs_are_probabilities]:
        names = " and ".join(uncalibrated)
        sentences.append(f"The scores of {names} are no probabilities: their ECE and threshold mean little")
    if frame["decision_threshold"].isna().any():
        sentences.append("–: there are no predictions of the validation clips")
    return ". ".join(sentences) + "."
