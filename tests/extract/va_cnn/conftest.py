"""Skeletons of two classes that a network can tell apart, small enough to train on in a second."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from manifests.recipe import VaCnn
from manifests.schema import COLUMNS, Manifest, write_manifest

CLASSES = ("raise", "lower")
SPLITS = ("train",) * 12 + ("validation",) * 4 + ("test",) * 4


@pytest.fixture(scope="session")
def drawn_skeletons(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with clips.csv and s0.npy … s19.npy of 20 … 39 frames. Not to be changed."""
    folder = tmp_path_factory.mktemp("skeletons")
    chance, rows = np.random.default_rng(0), []
    for index, split in enumerate(SPLITS):
        label, frames = index % 2, 20 + index
        joints = chance.uniform(-0.5, 0.5, (1, 20, 3)) + 0.02 * chance.standard_normal((frames, 20, 3))
        joints[:, 7, 1] += np.linspace(0, 1, frames) * (1 - 2 * label)
        np.save(folder / f"s{index}.npy", joints.astype(np.float32))
        rows.append((f"s{index}", f"s{index}.npy", label, CLASSES[label], f"{index:02}", split, "made-up"))
    write_manifest(Manifest(pd.DataFrame(rows, columns=list(COLUMNS)), CLASSES), folder / "clips.csv")
    return folder


@pytest.fixture
def table() -> VaCnn:
    return VaCnn(network="resnet10t", image_size=40, learning_rate=1e-3, batch_size=8, epochs=4, samples_per_clip=2)
