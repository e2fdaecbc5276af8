"""The sections of the report about one method beside its baseline: classes, calibration, confusion, single clips."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluate.report.figures import (
    calibration_chart,
    class_gains,
    confusions,
    reliability_charts,
    timeline_chart,
)
from evaluate.report.key_frames import KeyFrames, key_frames
from evaluate.report.provenance import drawn_poses, shown_column
from evaluate.report.runs import Method, read_probabilities
from evaluate.report.timelines import choose_clips, moments, shown_levels
from manifests.manifest import Manifest
from manifests.pieces import read_pieces

MOMENTS = (20.0, 60.0, 100.0)  # observation ratios with details: early, in the middle, at the end
MANY_CLASSES = 30  # with more classes, only some are visible at first:
EXTREMES = 10  # this many with the largest gains, and with the smallest


def closer_look(chosen: Method, beside: Method | None, manifest: Manifest, videos: Path | None) -> dict[str, Any]:
    """Return what the template needs of the method's predictions: classes, calibration, confusion, single clips."""
    pair = [one for one in (beside, chosen) if one is not None]
    probabilities = {one.name: read_probabilities(one, manifest) for one in pair}
    own, labels = probabilities[chosen.name], chosen.scores[0].labels
    levels = near_moments(own.shape[2])
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


def _single_clips(
    chosen: Method,
    beside: Method | None,
    probabilities: Mapping[str, NDArray[np.float32]],
    manifest: Manifest,
    videos: Path | None,
) -> dict[str, Any]:
    """Return single clips: their timelines, and key frames if the files exist."""
    labels, test = chosen.scores[0].labels, manifest.split("test")
    own = probabilities[chosen.name]  # (seeds, clips, N, C)
    base = probabilities[beside.name] if beside else None
    means = [one.mean(axis=0, dtype=np.float64) for one in (own, base) if one is not None]
    groups = choose_clips(means[0], means[1] if beside else None, labels)
    when = [moments(mean, labels) for mean in means]
    num_segments = own.shape[2]
    levels = shown_levels(num_segments)
    column = shown_column(chosen.provenance, manifest)
    ids, paths = list(test["clip_id"]), list(test[column])
    wanted = {ids[clip]: paths[clip] for group in groups for clip in group.clips}
    pieces = dict(zip(ids, read_pieces(test, "the manifest"), strict=True))
    poses, about_poses = drawn_poses(chosen.provenance) if videos else (None, "")
    pictures = key_frames(wanted, videos, num_segments, levels, pieces, poses) if videos else {}

    def item(clip: int) -> dict[str, Any]:
        name, label = ids[clip], int(labels[clip])
        compared = (beside.name, base[:, clip]) if beside and base is not None else None
        return {
            "clip": name,
            "class_name": manifest.classes[label],
            "right_from": [
                100 * moment[clip] / num_segments if moment[clip] <= num_segments else None for moment in when
            ],
            "chart": timeline_chart(name, (chosen.name, own[:, clip]), compared, label, manifest.classes),
            "frames": pictures.get(name, KeyFrames(())),
        }

    return {
        "groups": [(group, [item(clip) for clip in group.clips]) for group in groups],
        "frame_ratios": [100 * level / num_segments for level in levels],
        "has_videos": videos is not None,
        "about_poses": about_poses,
    }


def near_moments(num_segments: int) -> list[int]:
    """Return the progress levels nearest to `MOMENTS`, each once, from 1 to N."""
    return sorted({max(1, round(ratio * num_segments / 100)) for ratio in MOMENTS})
