"""A small made-up problem: classes are directions in feature space, noisy in the first steps and clear in the last."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from distill.feature_set import FeatureSet, make_feature_set
from distill.losses import running_segments
from distill.methods import METHODS
from distill.training_plan import TrainingPlan, make_training_plan
from extract.cache import Cache
from manifests.manifest import Manifest
from manifests.recipes.recipe import Recipe

CLASSES = ("clap", "jump", "wave")
NUM_STEPS, FEATURE_DIM = 5, 6
PER_CLASS = {"train": 10, "validation": 6, "test": 4}


@pytest.fixture(autouse=True)
def calm(one_thread: None) -> None:
    """Every test of this folder runs on one thread."""


@pytest.fixture
def manifest() -> Manifest:
    rows = [
        (f"{split}_{name}_{index}", f"{split}/{name}_{index}.avi", label, name, f"{index:02}", split, "made-up")
        for split, count in PER_CLASS.items()
        for label, name in enumerate(CLASSES)
        for index in range(count)
    ]
    columns = ["clip_id", "path", "label", "class_name", "group", "split", "protocol"]
    return Manifest(pd.DataFrame(rows, columns=columns), CLASSES)


@pytest.fixture
def cache(manifest: Manifest) -> Cache:
    """In another order than the manifest, so that only a join by clip id is right."""
    clips = manifest.clips.iloc[::-1]
    random = np.random.default_rng(0)
    directions = random.normal(size=(len(CLASSES), FEATURE_DIM))
    noise = random.normal(size=(len(clips), NUM_STEPS, FEATURE_DIM)) * np.linspace(3, 1, NUM_STEPS)[:, None]
    features = (directions[clips["label"].to_numpy()][:, None] + noise).astype(np.float32)
    whole = np.ones(len(clips), dtype=bool)
    return Cache(features, clips["clip_id"].tolist(), np.full(len(clips), 40), whole, {"backbone": "none"}, "c" * 64)


@pytest.fixture
def data(cache: Cache, manifest: Manifest) -> FeatureSet:
    return make_feature_set(cache, manifest)


@pytest.fixture(scope="session")
def with_lengths() -> Callable[..., FeatureSet]:
    """A function that gives the clips of a set 1 to N segments each, with a value in the place of the others."""

    def shortened(data: FeatureSet, padding: float = 0.0) -> FeatureSet:
        splits = {}
        for name, split in data.splits.items():
            lengths = 1 + torch.arange(len(split.labels)) % split.features.shape[1]
            running = running_segments(lengths, split.features.shape[1])[..., None]
            splits[name] = replace(split, features=split.features.where(running, padding), lengths=lengths)
        return replace(data, splits=splits)

    return shortened


@pytest.fixture
def make_recipe() -> Callable[..., Recipe]:
    """A small recipe; keyword arguments change its section `training`."""

    def make(**training: float) -> Recipe:
        small = {"epochs": 6, "batch_size": 8, "learning_rate": 0.01, "schedule": "constant", "standardize": False}
        small |= {"input_dropout": 0.2, "output_dropout": 0.2, "feature_noise": 0.0, "mixup": 0.0}
        return Recipe.model_validate(
            {
                "name": "made-up",
                "data": {"dataset": "ucf101", "protocol": "made-up"},
                "teacher": {"hidden": 4},
                "student": {"hidden": 8},
                "distillation": {"alpha": 0.5, "beta": 0.5},
                "training": small | training,
                "seeds": [0],
            }
        )

    return make


@pytest.fixture
def recipe(make_recipe: Callable[..., Recipe]) -> Recipe:
    return make_recipe()


@pytest.fixture
def plan(recipe: Recipe) -> TrainingPlan:
    """The small recipe's plan with every method."""
    return make_training_plan(recipe, list(METHODS))


@pytest.fixture
def make_plan(make_recipe: Callable[..., Recipe]) -> Callable[..., TrainingPlan]:
    """The plan of a small recipe with every method; keyword arguments change its section `training`."""
    return lambda **training: make_training_plan(make_recipe(**training), list(METHODS))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "one"
