"""Where does distillation help? The gain of Eq. 1, Eq. 2 and Eq. 4 against updates, labels, clips and noise.

The clips are drawn: skeletons of the stick figures, any number of them, as joint statistics, with 1,000 clips to score
on. For the size of the paper's UCF101 (101 classes, 80 training clips of each), features are simulated. Student and
teacher have 64 and 2 · 32 units (the paper: 512 and 2 · 256).

    python examples/where_distillation_helps.py out/map          # hours on a core
    python examples/where_distillation_helps.py out/map --quick  # a minute: very few clips and updates

It writes map.csv, a row for each point, training, seed and method, and map.png. A second call goes on where the first
one ended.
"""

import argparse
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from distill.feature_set import FeatureSet, Split
from distill.side_by_side import train_together
from distill.stack import Stack
from distill.standardisation import fold, moments
from distill.training import new_network
from distill.training_plan import TrainingPlan, make_training_plan
from distill.training_state import ModelId
from manifests.recipes.recipe import Recipe
from manifests.stick_figures.actions import ACTIONS, joint_positions
from manifests.stick_figures.variation import draw_performer, draw_variation

TERMS = {"teacher_student": "Eq. 1", "self_distillation": "Eq. 2", "with": "Eq. 4, both"}
SEEDS = (0, 1, 2)
BARE = {"learning_rate": 0.01, "schedule": "constant", "standardize": False}  # the paper: SGD at 0.01 and nothing else
BARE |= dict.fromkeys(("input_dropout", "output_dropout", "feature_noise", "mixup"), 0.0)
TRAININGS: dict[str, dict[str, object]] = {"paper's SGD": BARE, "this project's": {}}
PANELS = {
    "updates": "updates",
    "labels": "share of the labels",
    "clips": "training clips of each class",
    "noise": "noise, m",
}


@dataclass(frozen=True)
class Point:
    """One place on the map. The defaults are the point through which all lines go."""

    data: Literal["drawn", "UCF101's size"] = "drawn"
    updates: int = 1000
    labels: float = 1.0
    clips: int = 24  # of each class
    noise: float = 0.1  # standard deviation of each joint in metres; more is a worse feature


def points() -> Iterator[Point]:
    """Yield the points of the map: lines through one of them, three of the size of UCF101, and two with few labels."""
    yield from (Point(updates=updates) for updates in (100, 300, 1000, 3000))
    yield from (Point(labels=labels) for labels in (0.1, 0.3))
    yield from (Point(updates=updates, labels=0.1) for updates in (300, 3000))
    yield from (Point(clips=clips) for clips in (8, 100, 800))
    yield from (Point(noise=noise) for noise in (0.02, 0.3))
    yield from (Point("UCF101's size", updates, clips=80, noise=0.0) for updates in (1000, 3000))
    yield Point("UCF101's size", labels=0.1, clips=80, noise=0.0)


def drawn(clips: int, draw: int, noise: float) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return features (10 · clips, 10, 180) and labels of stick figures; `draw` makes other clips."""
    features, labels = [], []
    for number in range(clips):
        for label, action in enumerate(ACTIONS):
            random = np.random.default_rng((77, draw, label, number))
            joints = joint_positions(action, draw_performer(random).body, draw_variation(random))
            joints = joints + random.normal(0, noise, joints.shape)
            joints = joints - joints.mean(1, keepdims=True)  # as the backbone `joint_statistics`
            parts = [joints[n * len(joints) // 10 : (n + 1) * len(joints) // 10] for n in range(10)]
            features.append([np.ravel([part.mean(0), part.std(0), part[-1] - part[0]]) for part in parts])
            labels.append(label)
    return np.array(features, np.float32), np.array(labels)


def of_ucf101_size(clips: int, draw: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return features (101 · clips, 10, 128) and labels. What tells a class from its family comes up over time."""
    fixed = np.random.default_rng(5)
    families, classes = fixed.normal(size=(25, 128)), fixed.normal(size=(101, 128))
    later = fixed.normal(size=(101, 10, 128))
    features, labels = [], []
    for label in range(101):
        random = np.random.default_rng((99, draw, label))
        for _ in range(clips):
            begins = random.uniform(-0.3, 0.2)  # of the clip
            seen = np.clip((np.arange(1, 11) / 10 - begins) / 0.3, 0, 1)[:, None]
            clean = families[label % 25] + seen * classes[label] + 0.5 * seen * later[label]
            features.append(0.85 * clean + 1.5 * random.normal(size=128) + 2.0 * random.normal(size=(10, 128)))
            labels.append(label)
    return np.array(features, np.float32), np.array(labels)


def data_of(point: Point, scored: int) -> FeatureSet:
    """Return training, validation and test clips of a point; `scored` test clips of each stick-figure class."""
    large = point.data != "drawn"
    sizes = {"train": point.clips, "validation": 2 if large else 10, "test": 10 if large else scored}
    splits = {}
    for draw, (name, clips) in enumerate(sizes.items(), 1):
        features, labels = of_ucf101_size(clips, draw) if large else drawn(clips, draw, point.noise)
        names = tuple(f"{name}{number}" for number in range(len(labels)))
        splits[name] = Split(names, torch.from_numpy(features), torch.from_numpy(labels))
    return FeatureSet(splits, int(labels.max()) + 1, "drawn", cache_sha256="")


def plan_of(point: Point, training: str, train_clips: int) -> TrainingPlan:
    """Return the plan: the length of the training is counted in updates."""
    few = {"classification_weight": 0.5, "rows_per_batch": 8} if point.labels < 1 else {}
    recipe = {
        "name": "map",
        "seeds": list(SEEDS),
        "methods": ["without", *TERMS],
        "data": {"dataset": "stick-figures", "protocol": "stick-figures-v1"},
        "extract": {"backbone": "joint_statistics", "weights": "none"},
        "teacher": {"hidden": 32},
        "student": {"hidden": 64},
        "distillation": {"alpha": 0.5, "beta": 0.5},
        "labels": {"fraction": point.labels, **few},
        "training": {"epochs": math.ceil(point.updates / math.ceil(train_clips / 32)), **TRAININGS[training]},
    }
    return make_training_plan(Recipe.model_validate(recipe))


def aucs(point: Point, training: str, scored: int) -> dict[str, list[float]]:
    """Train the teacher and four students of each seed; return their test AUC in per cent, by method."""
    data = data_of(point, scored)
    plan = plan_of(point, training, data.train_clips)
    train, test = data.splits["train"], data.splits["test"]
    folded = moments(train.features) if plan.training.standardize else None
    result, teachers = {}, None
    for method in ("teacher", *plan.methods):
        models = [ModelId(method, seed) for seed in SEEDS]
        best = train_together(models, plan, data, teachers if plan.trained[method].method.teacher else None).best
        networks = []
        for row, model in enumerate(models):
            weights = {name: tensor[row].detach() for name, tensor in best.items()}
            network = new_network(model, plan, data)
            network.load_state_dict(fold(weights, *folded) if folded else weights)
            networks.append(network.eval())
        if method == "teacher":
            teachers = networks
        with torch.no_grad():
            right = Stack.of(networks)(test.features).logits.argmax(-1) == test.labels[:, None]
        result[method] = (100 * right.double().mean((1, 2))).tolist()
    return result


def draw_figure(rows: pd.DataFrame) -> Figure:
    """Return a row of panels for each training: the gain of each term in AUC, mean and range of the seeds."""
    figure = Figure(figsize=(13, 6), layout="constrained")
    axes = figure.subplots(len(TRAININGS), len(PANELS), sharex="col", sharey="row")
    paired = rows.pivot_table("auc", ["training", "data", *PANELS, "seed"], "method").reset_index()
    for training, line in zip(TRAININGS, axes, strict=True):
        here = paired[paired.training == training]
        line[0].set_ylabel(f"{training} training\ngain in AUC, points")
        for key, axis in zip(PANELS, line, strict=True):
            others = [name for name in ("data", *PANELS) if name != key]
            drawn_line = here[(here[others] == [getattr(Point(), name) for name in others]).all(axis=1)]
            _draw_gains(axis, key, drawn_line, "-")
            if key == "updates":
                _draw_gains(axis, key, here[(here.data != "drawn") & (here.labels == 1)], ":")
            axis.set_xscale("log")
            values = sorted(rows[rows.data == "drawn"][key].unique())
            axis.set_xticks(values, [f"{value:g}" for value in values])
            axis.minorticks_off()
            axis.axhline(0, color="grey", linewidth=0.8)
    for title, axis in zip(PANELS.values(), axes[-1], strict=True):
        axis.set_xlabel(title)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=6)
    return figure


def _draw_gains(axis: Axes, key: str, rows: pd.DataFrame, style: str) -> None:
    for colour, (term, title) in enumerate(TERMS.items()):
        gains = (rows[term] - rows["without"]).groupby(rows[key]).agg(["mean", "min", "max"])
        spread = [gains["mean"] - gains["min"], gains["max"] - gains["mean"]]
        label = title if style == "-" else f"{title}, UCF101's size"
        axis.errorbar(
            gains.index, gains["mean"], spread, fmt="o" + style, color=f"C{colour}", label=label, capsize=3,
            markerfacecolor=f"C{colour}" if style == "-" else "white",
        )  # fmt: skip


def main() -> None:
    """Compute the points that are missing, and draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder to write into")
    parser.add_argument("--quick", action="store_true", help="very few clips and updates, to try the script")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    table = options.folder / "map.csv"
    rows = pd.read_csv(table) if table.exists() else pd.DataFrame()
    chosen = (
        [replace(point, updates=point.updates // 100, clips=4) for point in points()][3:5]
        if options.quick
        else list(points())
    )
    for point in chosen:
        for training in TRAININGS:
            what = {"training": training, **vars(point)}
            if len(rows) and (rows[list(what)] == list(what.values())).all(axis=1).any():
                continue
            result = aucs(point, training, scored=4 if options.quick else 100)
            new = [
                what | {"method": m, "seed": s, "auc": a} for m in result for s, a in zip(SEEDS, result[m], strict=True)
            ]
            rows = pd.concat([rows, pd.DataFrame(new)], ignore_index=True)
            rows.to_csv(table, index=False)
            gains = {title: np.mean(result[term]) - np.mean(result["without"]) for term, title in TERMS.items()}
            print(what, f"without {np.mean(result['without']):.1f}", {k: f"{gain:+.1f}" for k, gain in gains.items()})
    draw_figure(rows).savefig(options.folder / "map.png", dpi=110)


if __name__ == "__main__":
    main()
