"""The sections of the report, as the template wants them: of all methods, of the one looked into, of single clips.

Only puts together what `figures`, `timelines` and the tables of `evaluate` compute. No HTML (`page`, the template).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluate.pipeline.results import published_beside
from evaluate.report.figures import (
    accuracy_chart,
    calibration_chart,
    class_gains,
    confusions,
    reliability_charts,
    timeline_chart,
)
from evaluate.report.key_frames import KeyFrames, key_frames
from evaluate.report.provenance import shown_column
from evaluate.report.runs import Method, Runs, read_probabilities
from evaluate.report.timelines import choose_clips, moments, shown_levels
from evaluate.scoring.comparison import Comparison, baseline_of, compare
from evaluate.scoring.scores import Scores, observation_ratios
from evaluate.scoring.statistics import RESAMPLES
from evaluate.scoring.summary import summarise
from evaluate.tables.notes import notes
from evaluate.tables.published_table import make_table
from evaluate.tables.results_frame import beyond_columns, column, own_row, printed_ratios, summary
from manifests.manifest import Manifest
from manifests.stick_figures.bound import best_accuracy

MOMENTS = (20.0, 60.0, 100.0)  # observation ratios looked at closely: early, in the middle, at the end
MANY_CLASSES = 30  # where there are more, only some are in view:
EXTREMES = 10  # as many with the largest gains, and with the smallest


def results(runs: Runs, chosen: Method, beside: Method | None, baseline: str) -> dict[str, Any]:
    """What is known of all methods: table, comparisons, curves."""
    manifest, scores = runs.manifest, runs.scores
    published = published_beside(manifest, scores)
    table = make_table(scores, published)
    segments = len(chosen.scores[0].accuracy)
    best = None
    if "branch_frame" in manifest.clips:
        best = ("Best any method can reach (expected)", best_accuracy(manifest.split("test"), segments))
    comparisons: list[Comparison] = []
    if any(baseline_of(name, scores, baseline) for name in scores):
        comparisons = compare(scores, baseline)
    headline = next((row for row in comparisons if row.method == chosen.name), None) if beside else None
    return {
        "protocol": manifest.protocol,
        "notes": notes(scores),
        "method": chosen.name,
        "baseline": beside.name if beside else None,
        "seeds": len(chosen.scores),
        "segments": segments,
        "table": table,
        "rows": list(zip(table.frame["seeds"].notna(), table.cells.itertuples(index=False, name=None), strict=True)),
        "ratios": printed_ratios(table.ratios),
        "headline": headline,
        "verdict": verdict(headline) if headline else "",
        "seeing": [name for name, one in runs.methods.items() if one.sees_future],
        "auc": {name: summarise([run.auc_mean for run in runs]) for name, runs in scores.items()},
        "comparisons": comparisons,
        "num_groups": len(set(chosen.scores[0].groups)),
        "resamples": RESAMPLES,
        "beyond": [_beyond(name, own) for name, own in scores.items()],
        "accuracy": accuracy_chart(scores, chosen.name, beside.name if beside else None, published, best),
        "has_published": bool(published),
    }


def looked_into(chosen: Method, beside: Method | None, manifest: Manifest, videos: Path | None) -> dict[str, Any]:
    """What takes a closer look at the method's predictions: classes, calibration, confusion, single clips."""
    pair = [one for one in (beside, chosen) if one is not None]
    probabilities = {one.name: read_probabilities(one, manifest) for one in pair}
    own, labels = probabilities[chosen.name], chosen.scores[0].labels
    levels = _levels(own.shape[2])
    gains = class_gains(chosen.scores, beside.scores, manifest.classes) if beside else []
    many = len(gains) > MANY_CLASSES
    return {
        "moments": [100 * level / own.shape[2] for level in levels],
        "widest_gain": max((abs(row.gain) for row in gains), default=0) or 1,
        "gains": [*gains[:EXTREMES], *gains[-EXTREMES:]] if many else gains,
        "other_gains": gains[EXTREMES:-EXTREMES] if many else [],
        "reliability": reliability_charts(probabilities, labels, levels),
        "calibration": calibration_chart({one.name: one.scores for one in pair}),
        "confusions": confusions(own, labels, manifest.classes, levels),
        **_single_clips(chosen, beside, probabilities, manifest, videos),
    }


def verdict(comparison: Comparison) -> str:
    """Say in words what the intervals of a comparison allow to say; both must leave out 0 for a claim."""
    clips, groups = comparison.by_clip, comparison.by_group or comparison.by_clip
    if min(clips.low, groups.low) > 0:
        return "above 0, so more than seeds and clips differ by chance"
    if max(clips.high, groups.high) < 0:
        return "below 0, so worse by more than seeds and clips differ by chance"
    if clips.low <= 0 <= clips.high:
        return "0 is in it, so these seeds and clips show no difference"
    return "0 is not in it, but it is in the one over whole groups, so little can be said"


def _beyond(name: str, runs: Sequence[Scores]) -> dict[str, Any]:
    """Calibration, decisions and earliness of one method, in per cent."""
    row, ratios = own_row(name, runs), observation_ratios(runs[0])
    levels = [column("calibration_error", ratios[level - 1]) for level in _levels(len(ratios))]
    own = {measure: summary(row, measure) for measure in beyond_columns(ratios)}
    return own | {"method": name, "calibration": [own[measure] for measure in levels]}


def _single_clips(
    chosen: Method,
    beside: Method | None,
    probabilities: Mapping[str, NDArray[np.float32]],
    manifest: Manifest,
    videos: Path | None,
) -> dict[str, Any]:
    """Single clips: their timelines, and key frames if the files are there."""
    labels, test = chosen.scores[0].labels, manifest.split("test")
    own = probabilities[chosen.name]  # (seeds, clips, N, C)
    base = probabilities[beside.name] if beside else None
    means = [one.mean(axis=0, dtype=np.float64) for one in (own, base) if one is not None]
    groups = choose_clips(means[0], means[1] if beside else None, labels)
    when = [moments(mean, labels) for mean in means]
    segments = own.shape[2]
    levels = shown_levels(segments)
    column = shown_column(chosen.provenance, manifest)
    ids, paths = list(test["clip_id"]), list(test[column])
    wanted = {ids[clip]: paths[clip] for group in groups for clip in group.clips}
    pictures = key_frames(wanted, videos, segments, levels) if videos else {}

    def item(clip: int) -> dict[str, Any]:
        name, label = ids[clip], int(labels[clip])
        there = (beside.name, base[:, clip]) if beside and base is not None else None
        return {
            "clip": name,
            "class_name": manifest.classes[label],
            "right_from": [100 * moment[clip] / segments if moment[clip] <= segments else None for moment in when],
            "chart": timeline_chart(name, (chosen.name, own[:, clip]), there, label, manifest.classes),
            "frames": pictures.get(name, KeyFrames(())),
        }

    return {
        "groups": [(group, [item(clip) for clip in group.clips]) for group in groups],
        "frame_ratios": [100 * level / segments for level in levels],
        "has_videos": videos is not None,
    }


def _levels(segments: int) -> list[int]:
    """Return the progress levels nearest to `MOMENTS`, each once."""
    return sorted({max(1, round(ratio * segments / 100)) for ratio in MOMENTS})
