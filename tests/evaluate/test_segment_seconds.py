"""A recipe with segment_seconds, from skeleton files to the table, the model, `predict` and a live stream."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from common.errors import UserError
from distill.models import predict_outputs
from distill.run_folder import load_run
from evaluate.api import score
from evaluate.live.recogniser import Recogniser
from evaluate.live.store_rule import store_rule
from evaluate.live.trained_model import find_model
from evaluate.pipeline.inputs import PipelineInputs
from evaluate.pipeline.reproduction import Result, reproduce
from evaluate.scoring.predictions import (
    protocol_of_manifest,
    protocol_of_segments,
    read_predictions,
)
from evaluate.watch.events import Prediction
from evaluate.watch.watcher import Watcher
from extract.cache import read_cache
from extract.machine import Machine
from manifests.manifest import COLUMNS, Manifest, write_manifest
from manifests.recipes.recipe import Recipe

CLASSES, RATE, N = ("down", "up"), 20, 6
LENGTHS = (10, 13, 25, 31, 60, 90)
MACHINE = Machine(device="cpu", workers=1)


def write_clip(path: Path, label: int, frames: int, seed: int) -> None:
    """A body whose joints rise or fall."""
    chance = np.random.default_rng(seed)
    body = chance.normal(size=(1, 20, 3)) + 0.01 * chance.normal(size=(frames, 20, 3))
    body[:, 3:6, 1] += (2 * label - 1) * np.arange(frames)[:, None] * 0.05
    np.save(path, body.astype(np.float32))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    rows = []
    for split, count in {"train": 12, "validation": 6, "test": 6}.items():
        for number in range(count):
            name, label = f"{split}{number}", number % 2
            write_clip(folder / f"{name}.npy", label, LENGTHS[number % 6], len(rows))
            rows.append((name, f"{name}.npy", label, CLASSES[label], name, split, "made-up"))
    write_manifest(Manifest(pd.DataFrame(rows, columns=list(COLUMNS)), CLASSES), folder / "manifest.csv")
    return folder


def recipe(**extract: object) -> Recipe:
    own = {"backbone": "joint_statistics", "weights": "none", "segments": N, "segment_seconds": 0.5, "frame_rate": RATE}
    return Recipe.model_validate(
        {
            "name": "timed",
            "data": {"dataset": "other"},
            "extract": {**own, **extract},
            "teacher": {"hidden": 4},
            "student": {"hidden": 6},
            "training": {"epochs": 3, "batch_size": 4, "mixup": 0.3, "standardize": True},
            "seeds": [0, 1],
        }
    )


def inputs(files: Path, out: Path, **caches: Path) -> PipelineInputs:
    return PipelineInputs(out, manifest=files / "manifest.csv", videos=files, caches=caches)


@pytest.fixture(scope="module")
def made(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Result:
    torch.set_num_threads(1)
    return reproduce(recipe(), inputs(files, tmp_path_factory.mktemp("out")), MACHINE, lambda _: None)


def test_the_table_names_its_segments_and_has_ten_ratios(made: Result) -> None:
    table = made.table_file.read_text()
    assert table.startswith("made-up-segments-0.5s: 2 classes")
    for runs in made.scores.values():
        assert all(run.accuracy.shape == (10,) and run.protocol == "made-up-segments-0.5s" for run in runs)
    cache = read_cache(made.table_file.parent / "features.h5")
    assert cache.num_segments is not None and cache.num_segments[:6].tolist() == [1, 1, 2, 3, 6, 6]


def test_predictions_are_those_of_the_segments_that_have_ended(made: Result) -> None:
    out = made.table_file.parent
    predictions = read_predictions(out / "predictions" / "with-seed0.h5")
    cache = read_cache(out / "features.h5")
    rows = [cache.clip_id.index(name) for name in predictions.clip_ids]
    network = load_run(out / "runs" / "seed0" / "with")
    every = predict_outputs(network, torch.from_numpy(cache.features[rows])).logits.softmax(-1).numpy()
    assert cache.num_segments is not None
    for clip, row in enumerate(rows):
        own = int(cache.num_segments[row])
        for level in range(1, 11):
            seen = own if level == 10 else int(level * (own - 0.5) / 10)
            expected = every[clip, seen - 1] if seen else np.full(2, 0.5)
            assert np.allclose(predictions.probabilities[clip, level - 1], expected, atol=1e-6)
            frames = cache.num_frames[row]
            assert min(seen, frames / 10) * 10 <= level / 10 * frames or seen == own == N


def test_accuracy_by_seconds_is_that_of_the_model_clip_by_clip(made: Result) -> None:
    """A file of the results has it, and the mean over two seeds is computed again here from the weights."""
    out = made.table_file.parent
    assert {"seconds.csv", "seconds.png", "seconds.svg"} <= {path.name for path in out.iterdir()}
    cache = read_cache(out / "features.h5")
    test = made.manifest.split("test")
    rows = [cache.clip_id.index(name) for name in test["clip_id"]]
    assert cache.num_segments is not None
    right = np.zeros((2, len(rows), N))
    for seed in (0, 1):
        network = load_run(out / "runs" / f"seed{seed}" / "with")
        every = predict_outputs(network, torch.from_numpy(cache.features[rows])).logits.argmax(-1).numpy()
        for clip, (row, label) in enumerate(zip(rows, test["label"], strict=True)):
            for level in range(N):
                right[seed, clip, level] = every[clip, min(level, cache.num_segments[row] - 1)] == label
    found = pd.read_csv(out / "seconds.csv").query("method == 'With distillation'")
    assert found["seconds"].tolist() == [0.5 * level for level in range(1, N + 1)]
    assert np.allclose(found["accuracy"], 100 * right.mean((0, 1)), atol=1e-3)
    assert np.allclose(found["accuracy_std"], 100 * right.mean(1).std(0, ddof=1), atol=1e-3)
    counts = cache.num_segments[rows]
    assert found["clips_running"].tolist() == [int((counts >= level).sum()) for level in range(1, N + 1)]


def test_late_fusion_after_each_segment_is_the_mean_of_the_streams(files: Path, tmp_path: Path) -> None:
    own = recipe().model_dump()
    one = own.pop("extract")
    streams = {"moving": one, "resting": {**one, "backbone": "joints", "frames_per_segment": 2}}
    late = Recipe.model_validate(own | {"streams": streams, "fusion": "late", "methods": ["without"], "seeds": [0]})
    result = reproduce(late, inputs(files, tmp_path), MACHINE, lambda _: None)
    names = ("moving/without", "resting/without", "late-fusion-without")
    found = [read_predictions(tmp_path / "predictions" / f"{name}-seed0.h5").after_segments for name in names]
    moving, resting, fused = (each for each in found if each is not None)
    assert not np.allclose(moving.probabilities, resting.probabilities)
    assert np.allclose(fused.probabilities, (moving.probabilities + resting.probabilities) / 2, atol=1e-6)
    assert np.array_equal(fused.num_segments, moving.num_segments) and fused.segment_seconds == 0.5
    assert '"Without distillation, late fusion",1,0.5,' in (result.table_file.parent / "seconds.csv").read_text()


def test_the_predictions_can_be_scored_again(made: Result, files: Path) -> None:
    predictions = made.table_file.parent / "predictions" / "with-seed0.h5"
    assert score([predictions], files / "manifest.csv").scores["With distillation"][0].seconds is not None
    assert protocol_of_manifest(protocol_of_segments("ucf101-split1", 0.25)) == "ucf101-split1"
    assert protocol_of_segments("ucf101-split1", None) == protocol_of_manifest("ucf101-split1") == "ucf101-split1"


def test_a_model_has_no_observation_ratios_and_predict_has_ten(made: Result, files: Path) -> None:
    out = made.table_file.parent
    described = json.loads((out / "runs" / "seed0" / "with" / "model.json").read_text())
    assert described["observation_ratios"] == [] and "fixed time" in described["segment_rule"]
    recogniser = Recogniser.load(out, method="with", seed=0)
    predictions = read_predictions(out / "predictions" / "with-seed0.h5")
    for name in ("test0", "test2", "test5"):
        found = recogniser.recognise(files / f"{name}.npy")
        expected = predictions.probabilities[predictions.clip_ids.index(name)]
        assert np.allclose(found.probabilities, expected, atol=1e-6)


def test_a_live_stream_needs_no_length_and_gives_the_same_answers(made: Result, files: Path) -> None:
    out = made.table_file.parent
    joints = np.load(files / "test4.npy")  # 60 frames: 6 segments of 10
    lines = [
        json.dumps(
            {"time": number / RATE, "bodies": [frame.tolist()], "num_frames": 60}
            | ({"begins": True} if not number else {})
        )
        for number, frame in enumerate([*joints, joints[-1]])
    ]
    watcher = Watcher.load(out, method="with", seed=0)
    assert watcher.segment_seconds == 0.5
    events = [event for event in watcher.watch(["-"], lines=lines) if isinstance(event, Prediction)]
    cache = read_cache(out / "features.h5")
    network = load_run(out / "runs" / "seed0" / "with")
    row = cache.clip_id.index("test4")
    expected = predict_outputs(network, torch.from_numpy(cache.features[row][None])).logits.softmax(-1)[0].numpy()
    assert len(events) == N
    assert np.allclose([event.probabilities for event in events], expected, atol=1e-5)


def test_no_rule_is_stored_with_it(made: Result) -> None:
    out = made.table_file.parent
    with pytest.raises(UserError, match="segments of the model in .* last a fixed time"):
        store_rule([out / "predictions" / "with-seed0.h5"], made.manifest, find_model(out, "with", 0), 0.5)


@pytest.mark.parametrize("other", [{"segment_seconds": 0.25}, {"segment_seconds": None, "frame_rate": None}])
def test_a_cache_of_other_segments_is_refused(
    made: Result, files: Path, tmp_path: Path, other: dict[str, object]
) -> None:
    given = inputs(files, tmp_path, features=made.table_file.parent / "features.h5")
    with pytest.raises(UserError, match="segment_seconds: 0.5 there"):
        reproduce(recipe(**other), given, MACHINE)


@pytest.mark.parametrize(
    ("extract", "sentence"),
    [
        ({"segment_seconds": None}, "frame_rate is for segment_seconds"),
        ({"segment_seconds": 0}, "greater than 0"),
        ({"backbone": "va_cnn", "weights": "w.safetensors"}, "does not go with backbone = 'va_cnn'"),
    ],
)
def test_settings_that_cannot_work_are_refused(extract: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        recipe(**extract)
    assert "segment_seconds" not in recipe(segment_seconds=None, frame_rate=None).model_dump()["extract"]
