"""Each method beyond its accuracy: calibration, deciding early, and how soon clips are right for good.

Means ± std over seeds, in per cent. Markdown prints a few ratios, CSV has all. The formulas are in `calibration` and
`earliness`, the accuracies in `table`, differences of methods in `comparison`.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from evaluate.scoring.calibration import BINS
from evaluate.scoring.earliness import mean_time_to_correct
from evaluate.scoring.scores import Scores, check_comparable, observation_ratios
from evaluate.scoring.summary import Summary, summarise
from evaluate.tables.notes import notes
from evaluate.tables.text_tables import csv_table, exact, markdown_table, printed

PRINTED_RATIOS = (20.0, 60.0, 100.0)  # of the calibration error: early, in the middle, at the end
PRINTED = {
    "calibration_error_mean": "ECE, mean",
    "decision_threshold": "Threshold",
    "decision_accuracy": "Accuracy when decided",
    "decision_earliness": "Earliness",
    "decision_harmonic_mean": "Harmonic mean",
    "time_to_correct": "Right for good from",
}
AGREEMENT = "teacher_agreement"  # printed where a method has a teacher


def render_beyond(scores: Mapping[str, Sequence[Scores]]) -> str:
    """Return the measures of every method (method → one `Scores` a seed) as Markdown, what they are first."""
    first = check_comparable(scores)
    ratios = observation_ratios(first)
    chosen = PRINTED_RATIOS if set(PRINTED_RATIOS) <= set(ratios) else ratios
    columns = {calibration_error_name(ratio): f"ECE {ratio:.3g}%" for ratio in chosen} | PRINTED
    measured = {method: measures(runs) for method, runs in scores.items()}
    if any(own[AGREEMENT] for own in measured.values()):
        columns[AGREEMENT] = "Like its teacher"
    rows = [[method, *(printed(own[name]) for name in columns)] for method, own in measured.items()]
    unknown = any(own["decision_threshold"] is None for own in measured.values())
    return f"{_caption(scores, unknown)}\n\n{markdown_table(['Method', *columns.values()], rows)}"


def render_beyond_csv(scores: Mapping[str, Sequence[Scores]]) -> str:
    """Return the measures of every method as CSV, means and deviations; the calibration error at every ratio."""
    check_comparable(scores)
    measured = {method: measures(runs) for method, runs in scores.items()}
    names = list(next(iter(measured.values())))
    rows = [
        [method, str(len(scores[method])), *(exact(cell) for name in names for cell in (own[name] or (None, None)))]
        for method, own in measured.items()
    ]
    return csv_table(["method", "seeds", *(f"{name}{end}" for name in names for end in ("", "_std"))], rows)


def measures(runs: Sequence[Scores]) -> dict[str, Summary | None]:
    """Mean and deviation over seeds of everything, by its name in the CSV; None where a seed does not have it."""
    decisions = [run.decision for run in runs if run.decision is not None]
    found: dict[str, Summary | None] = {
        calibration_error_name(ratio): summarise([run.calibration_error[n] for run in runs])
        for n, ratio in enumerate(observation_ratios(runs[0]))
    }
    found["calibration_error_mean"] = summarise([run.calibration_error.mean() for run in runs])
    for name in ("threshold", "accuracy", "earliness", "harmonic_mean"):
        of_seeds = [getattr(decision, name) for decision in decisions]
        found[f"decision_{name}"] = summarise(of_seeds) if len(of_seeds) == len(runs) else None
    found["time_to_correct"] = summarise([mean_time_to_correct(run.correct) for run in runs])
    agreeing = [
        float(np.mean(run.provenance["teacher_agreement"])) for run in runs if "teacher_agreement" in run.provenance
    ]
    found["teacher_agreement"] = summarise(agreeing) if len(agreeing) == len(runs) else None
    return found


def calibration_error_name(ratio: float) -> str:
    """Return the name of the calibration error at an observation ratio in per cent."""
    return f"calibration_error_{ratio:.3g}"


def _caption(scores: Mapping[str, Sequence[Scores]], unknown: bool) -> str:
    first = check_comparable(scores)
    segments = len(first.accuracy)
    several = any(len(runs) > 1 for runs in scores.values())
    sentences = [
        f"{first.protocol}: {'; '.join(notes(scores))}",
        "All in per cent" + ("; ± is the sample standard deviation over seeds" if several else ""),
        f"ECE: expected calibration error at a ratio, {BINS} bins of equal width",
        "A clip is decided at the first ratio where the confidence reaches the threshold, at the last where none does; "
        "the threshold has the best harmonic mean on the validation clips",
        "Earliness: the share seen at the decision. Harmonic mean: of the accuracy and of the share not waited for",
        "Right for good from: the share seen from which on a clip stays right, where never counts as "
        f"{100 * (segments + 1) / segments:.3g}",
    ]
    if any(AGREEMENT in run.provenance for runs in scores.values() for run in runs):
        sentences.append("Like its teacher: the share of clips and ratios where a student and its teacher say the same")
    if {"MSRNN", "DeepSCN"} & {kind.partition(",")[0] for kind in scores}:
        sentences.append(
            "MSRNN's and DeepSCN's scores were never meant as probabilities: their ECE and threshold mean little"
        )
    sentences += ["–: there are no predictions of the validation clips"] * unknown
    return ". ".join(sentences) + "."
