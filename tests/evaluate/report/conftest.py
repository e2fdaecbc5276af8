"""A finished run as the report finds it, drawn in a moment: predictions of two methods, videos of numbered frames."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from evaluate.scoring.predictions import Predictions, write_predictions
from extract.decoding.synthetic_clip import write_numbered_clip
from manifests.manifest import COLUMNS, Manifest, write_manifest

CLASSES = ("clap", "<script>alert('x')</script>", "jump & run", "wave_" + 70 * "x")
SEGMENTS, TEST_CLIPS = 10, 24
PROTOCOL = "own-protocol"
RECIPE = {"name": "own", "extract": {"column": "path", "backbone": "drawn <b>"}}
CACHES = {"features": {"content_sha256": "c0ffee" * 10, "settings": {"backbone": "drawn <b>", "weights": "random"}}}


def draw_manifest(classes: tuple[str, ...] = CLASSES, test_clips: int = TEST_CLIPS) -> Manifest:
    """Clips of all splits, of three people, classes in turn."""
    rows = []
    for split, count in (("train", 4), ("validation", 8), ("test", test_clips)):
        for index in range(count):
            clip, label = f"{split}{index:02d}", index % len(classes)
            rows.append((clip, f"{clip}.avi", label, classes[label], f"s{index % 3}", split, PROTOCOL))
    return Manifest(pd.DataFrame(rows, columns=list(COLUMNS)), classes)


def draw_probabilities(
    labels: NDArray[np.int64], classes: int, skill: float, seed: int, segments: int
) -> NDArray[np.float32]:
    """(clips, N, C): surer of the true class the more is seen, and the more the higher the skill."""
    chance = np.random.default_rng(seed)
    logits = chance.normal(size=(len(labels), segments, classes))
    logits[np.arange(len(labels)), :, labels] += skill * np.linspace(0, 3, segments)
    own = np.exp(logits)
    return (own / own.sum(axis=2, keepdims=True)).astype(np.float32)


def write_run(
    folder: Path,
    manifest: Manifest,
    *,
    splits: tuple[str, ...] = ("validation", "test"),
    methods: dict[str, float] | None = None,
    seeds: int = 2,
    segments: int = SEGMENTS,
    provenance: Mapping[str, object] | None = None,
) -> Path:
    """Write what `reproduce` leaves of a run, as far as the report reads it; methods are names and skills."""
    write_manifest(manifest, folder / "manifest.csv")
    clips = manifest.clips[manifest.clips["split"].isin(splits)]
    for index, (name, skill) in enumerate((methods or {"Without distillation": 1, "With distillation": 2}).items()):
        for seed in range(seeds):
            labels = clips["label"].to_numpy(dtype=np.int64)
            predictions = Predictions(
                probabilities=draw_probabilities(labels, len(manifest.classes), skill, 100 * index + seed, segments),
                clip_ids=tuple(clips["clip_id"]),
                protocol=manifest.protocol,
                method=name,
                seed=seed,
                classes=manifest.classes,
                provenance={"recipe": RECIPE, "caches": CACHES, "random_weights": True, **(provenance or {})},
            )
            write_predictions(folder / "predictions" / f"method{index}-seed{seed}.h5", predictions)
    run = folder / "runs" / "seed0" / "with"
    run.mkdir(parents=True, exist_ok=True)
    (run / "recipe.json").write_text(json.dumps({"versions": {"torch": "0.0-drawn", "device": "abacus"}}))
    return folder


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Path]:
    """Write a run into a folder of the test's own: name of the folder, and what `write_run` takes."""

    def make(name: str = "run", manifest: Manifest | None = None, **about: object) -> Path:
        return write_run(tmp_path / name, manifest or draw_manifest(), **about)  # type: ignore[arg-type]

    return make


@pytest.fixture(scope="session")
def drawn_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with the videos of all its test clips beside it; for reading only, but for its report.html."""
    folder = tmp_path_factory.mktemp("drawn") / "drawn"
    manifest = draw_manifest()
    write_run(folder, manifest)
    (folder / "videos").mkdir()
    for clip in manifest.split("test")["clip_id"]:
        write_numbered_clip(folder / "videos" / f"{clip}.avi", 40, (96, 64))
    return folder


@pytest.fixture(scope="session")
def many_classes() -> Manifest:
    """A manifest of 41 classes with two test clips each."""
    return draw_manifest(tuple(f"class {index}" for index in range(41)), 82)
