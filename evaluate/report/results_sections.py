"""The sections of the report about all methods, one per share of the training labels: table, comparison, curves."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from evaluate.pipeline.results import published_beside
from evaluate.report.closer_look import near_moments
from evaluate.report.curve_styles import STRONG
from evaluate.report.figures import accuracy_chart
from evaluate.report.provenance import licences
from evaluate.report.runs import ALL_LABELS, BASELINE, Method, Runs
from evaluate.scoring.comparison import Comparison, baseline_of, compare
from evaluate.scoring.scores import Scores, observation_ratios
from evaluate.scoring.summary import summarise
from evaluate.tables.comparison_table import about_intervals
from evaluate.tables.notes import kept_labels, labels_in_words, notes
from evaluate.tables.published_table import make_table
from evaluate.tables.results_frame import beyond_columns, column, own_row, printed_ratios, summary
from manifests.manifest import Manifest
from manifests.stick_figures.bound import best_accuracy


def results(runs: Runs, chosen: Method, beside: Method | None, baseline: str | None) -> dict[str, Any]:
    """Return what the template needs of all methods.

    Args:
        runs: the methods.
        chosen: the method that the report is about.
        beside: its baseline; None: there is none.
        baseline: name of the method that all are compared with; None: the default.
    """
    pair = {one.name: one.scores for one in (beside, chosen) if one is not None}
    headline = next(iter(compare(pair, beside.name)), None) if beside else None
    compared_with = BASELINE if baseline is None else runs.methods[baseline].title
    shares = runs.by_labels
    return {
        "protocol": runs.manifest.protocol,
        "notes": [*notes(runs.scores), *licences(runs.methods.values())],
        "method": chosen.name,
        "baseline": beside.name if beside else None,
        "auc": {name: summarise([run.auc_mean for run in own]) for name, own in pair.items()},
        "seeds": len(chosen.scores),
        "num_segments": len(chosen.scores[0].accuracy),
        "headline": headline,
        "verdict": verdict(headline) if headline else "",
        "parts": [
            _section(runs.manifest, methods, chosen, beside, compared_with)
            | {"number": number, "labels": _in_words(share, methods) if len(shares) > 1 else ""}
            for number, (share, methods) in enumerate(shares.items(), start=1)
        ],
    }


def verdict(comparison: Comparison) -> str:
    """Return what the intervals of a comparison show, as a sentence. A claim needs all of them to exclude 0.

    With few labels and few seeds, the bootstrap is too narrow, so the interval over seeds counts too.
    """
    clips, seeds = comparison.by_clip, comparison.by_seed
    others = {"whole groups": comparison.by_group}
    if comparison.has_too_few_seeds:
        if seeds is None:
            return "One seed with few labels shows no difference: another seed has other labelled clips."
        others["seeds"] = seeds
    known = [clips, *(other for other in others.values() if other is not None)]
    if min(one.low for one in known) > 0:
        return "It is above 0: the method is better by more than seeds and clips vary by chance."
    if max(one.high for one in known) < 0:
        return "It is below 0: the method is worse by more than seeds and clips vary by chance."
    if clips.low <= 0 <= clips.high:
        return "It contains 0: these seeds and clips show no difference."
    wide = next(name for name, one in others.items() if one is not None and one.low <= 0 <= one.high)
    return f"It excludes 0, but the interval over {wide} contains 0: the evidence is weak."


def _section(
    manifest: Manifest, methods: Sequence[Method], chosen: Method, beside: Method | None, baseline: str
) -> dict[str, Any]:
    """Return the results of the methods that were trained with one share of the labels, by their titles."""
    scores: dict[str, Sequence[Scores]] = {
        one.title: [replace(run, method=one.title) for run in one.scores] for one in methods
    }
    published = published_beside(manifest, scores)
    table = make_table(scores, published)
    ratios = table.ratios
    best = None
    if "branch_frame" in manifest.clips:
        best = ("Best any method can reach (expected)", best_accuracy(manifest.split("test"), len(ratios)))
    has_baseline = any(baseline_of(name, scores, baseline) for name in scores)
    comparisons = compare(scores, baseline) if has_baseline else []
    return {
        "chosen": chosen.title if chosen in methods else None,
        "table": table,
        "rows": list(zip(table.frame["seeds"].notna(), table.cells.itertuples(index=False, name=None), strict=True)),
        "ratios": printed_ratios(ratios),
        "seeing": [one.title for one in methods if one.sees_future],
        "comparisons": comparisons,
        "about_intervals": about_intervals(comparisons, len(set(methods[0].scores[0].groups))),
        "beyond": [_beyond(name, own) for name, own in scores.items()],
        "accuracy": accuracy_chart(scores, chosen.title, beside.title if beside else None, published, best),
        "has_bands": any(len(own) > 1 for own in scores.values()),
        "has_light": len(scores) > STRONG,
        "has_published": bool(published),
    }


def _in_words(share: str, methods: Sequence[Method]) -> str:
    kept = kept_labels(run for one in methods for run in one.scores)
    return "all training labels" if share == ALL_LABELS else labels_in_words(share, kept)


def _beyond(name: str, runs: Sequence[Scores]) -> dict[str, Any]:
    """Return calibration, decisions and earliness of one method, in per cent."""
    row, ratios = own_row(name, runs), observation_ratios(runs[0])
    levels = [column("calibration_error", ratios[level - 1]) for level in near_moments(len(ratios))]
    own = {measure: summary(row, measure) for measure in beyond_columns(ratios)}
    return own | {"method": name, "calibration": [own[measure] for measure in levels]}
