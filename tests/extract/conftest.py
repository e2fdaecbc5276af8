"""Clips and skeletons small enough to extract in a second, their manifests, and the time to wait for something."""

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from extract.numbered_clip import write_numbered_clip
from manifests.schema import COLUMNS, Manifest, write_manifest

CLASSES = ("jump", "wave")
NUM_CLIPS = 8
SKELETON_CLASSES = ("raise", "lower")
SKELETON_SPLITS = ("train",) * 12 + ("validation",) * 4 + ("test",) * 4


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Images this small gain nothing from threads, and lose much on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def drawn_footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with clips.csv and videos/c0.avi … c7.avi, of 12, 15, … 33 frames. Not to be changed."""
    folder = tmp_path_factory.mktemp("footage")
    (folder / "videos").mkdir()
    rows = []
    for index in range(NUM_CLIPS):
        write_numbered_clip(folder / "videos" / f"c{index}.avi", 12 + 3 * index, (64, 64) if index % 2 else (96, 72))
        split, label = ("train" if index < 5 else "test"), index % 2
        rows.append((f"c{index}", f"c{index}.avi", label, CLASSES[label], f"{index:02}", split, "made-up"))
    write_manifest(Manifest(pd.DataFrame(rows, columns=list(COLUMNS)), CLASSES), folder / "clips.csv")
    return folder


@pytest.fixture
def footage(drawn_footage: Path, tmp_path: Path) -> Path:
    """The test's own copy of `drawn_footage`: it may be damaged."""
    return Path(shutil.copytree(drawn_footage, tmp_path / "footage"))


@pytest.fixture(scope="session")
def wait_until() -> Callable[[Callable[[], object]], None]:
    """A function that waits until a condition holds, and fails the test when it does not come to hold."""

    def wait(condition: Callable[[], object], seconds: float = 60.0) -> None:
        until = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < until, f"waited {seconds:g} s in vain"
            time.sleep(0.02)

    return wait


@pytest.fixture(scope="session")
def drawn_skeletons(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with clips.csv and s0.npy … s19.npy of 20 … 39 frames. Not to be changed."""
    folder = tmp_path_factory.mktemp("skeletons")
    chance, rows = np.random.default_rng(0), []
    for index, split in enumerate(SKELETON_SPLITS):
        label, frames = index % 2, 20 + index
        joints = chance.uniform(-0.5, 0.5, (1, 20, 3)) + 0.02 * chance.standard_normal((frames, 20, 3))
        joints[:, 7, 1] += np.linspace(0, 1, frames) * (1 - 2 * label)
        np.save(folder / f"s{index}.npy", joints.astype(np.float32))
        rows.append((f"s{index}", f"s{index}.npy", label, SKELETON_CLASSES[label], f"{index:02}", split, "made-up"))
    write_manifest(Manifest(pd.DataFrame(rows, columns=list(COLUMNS)), SKELETON_CLASSES), folder / "clips.csv")
    return folder
