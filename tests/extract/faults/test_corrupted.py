"""Copies of real clips, cut, flipped, zeroed and prolonged: each has features or a ledger row; other clips are safe."""

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from extract.cache import read_cache

ROOT = Path(__file__).parent.parent.parent.parent


def cut(content: bytearray, chance: random.Random) -> None:
    del content[chance.randrange(1, len(content)) :]


def flip_bits(content: bytearray, chance: random.Random) -> None:
    for _ in range(chance.choice([1, 10, 100])):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)


def zero_the_header(content: bytearray, chance: random.Random) -> None:
    length = min(chance.choice([64, 512, 4096]), len(content))
    content[:length] = bytes(length)


def empty(content: bytearray, chance: random.Random) -> None:
    content.clear()


def zero_a_stretch(content: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(content))
    stop = min(start + chance.choice([512, 4096, 65536]), len(content))
    content[start:stop] = bytes(stop - start)


def append_garbage(content: bytearray, chance: random.Random) -> None:
    content += chance.randbytes(chance.choice([1, 1000, 100_000]))


CORRUPTIONS = {
    "cut": cut,
    "bits flipped": flip_bits,
    "header zeroed": zero_the_header,
    "emptied": empty,
    "stretch zeroed": zero_a_stretch,
    "garbage appended": append_garbage,
}


@pytest.fixture
def originals(campaign: Any, clips: Path) -> list[Path]:
    """Real clips if they are there, else drawn ones."""
    real = Path(os.environ.get("EARLY_DATA", ROOT.parent / "shared" / "data")) / "ucf101_six"
    videos = sorted(real.rglob("*.avi")) or sorted((clips / "videos").iterdir())
    return campaign.chance("originals").sample(videos, min(len(videos), campaign.times(8, 150)))


@pytest.fixture
def corrupted(campaign: Any, originals: list[Path], tmp_path: Path) -> dict[str, list[str]]:
    """Two corrupted copies beside each original in tmp_path/videos; the clips' names by the kind of corruption."""
    chance, names = campaign.chance("corrupted"), {kind: list[str]() for kind in ("none", *CORRUPTIONS)}
    (tmp_path / "videos").mkdir()
    for index, original in enumerate(originals):
        for kind in ("none", *chance.sample(list(CORRUPTIONS), 2)):
            content = bytearray(original.read_bytes())
            if kind != "none":
                CORRUPTIONS[kind](content, chance)
            name = f"{index:03}-{kind.replace(' ', '-')}"
            (tmp_path / "videos" / f"{name}.avi").write_bytes(content)
            names[kind].append(name)
    return names


@pytest.mark.slow
def test_corrupted_copies(
    command: Any, campaign: Any, trial: Callable[..., Any], corrupted: dict[str, list[str]], tmp_path: Path
) -> None:
    videos = tmp_path / "videos"
    (tmp_path / "healthy").mkdir()
    for name in corrupted["none"]:
        (tmp_path / "healthy" / f"{name}.avi").hardlink_to(videos / f"{name}.avi")
    undisturbed = {}
    for folder, status in ((tmp_path / "healthy", 0), (videos, 3)):
        undisturbed[folder] = folder / "features.h5"
        alone = ["--device", "cpu", "--workers", "1", "--threads", "1"]
        finished = command("run", folder, "--out", undisturbed[folder], "--quick", *alone)
        assert finished.status == status, finished
    healthy, frames = features_of(undisturbed[tmp_path / "healthy"])

    every = campaign.fault("corrupted copies")
    disturbed = trial(every, of=[videos], expected=undisturbed[videos].read_bytes())
    for running in [disturbed.start("--shard", f"{shard}/3") for shard in range(3)]:
        disturbed.end(running)
    disturbed.finish(status=3)
    features, found = features_of(disturbed.out)
    failures = disturbed.run.failures()
    for name in corrupted["none"]:
        if features[name].tobytes() != healthy[name].tobytes():
            every.trouble("wrong", f"the features of {name}, which is healthy")
    for kind in CORRUPTIONS:
        fault = campaign.fault(f"clip: {kind}")
        fault.times = fault.clips = len(corrupted[kind])
        every.times += fault.times
        made = [name for name in corrupted[kind] if name in features]
        for name in corrupted[kind]:
            if (name in features) == (name in failures and bool(failures[name].reason)):
                fault.trouble("lost", name)
        whole = [name for name in made if found[name] >= frames[original_of(name)]]
        for name in set(made) - set(whole):
            if found[name] < frames[original_of(name)] * 0.95 - 3:  # headers are a few off on healthy files
                fault.trouble("wrong", f"{name}: {found[name]} of {frames[original_of(name)]} frames")
        same = sum(features[name].tobytes() == healthy[original_of(name)].tobytes() for name in made)
        fault.outcome = (
            f"{fault.times - len(made)} in the ledger, {same} with the features of the original, {len(made) - same} "
            f"with others; {len(whole)} of these {len(made)} were decoded to all their frames"
        )


def original_of(name: str) -> str:
    return f"{name.partition('-')[0]}-none"


def features_of(cache: Path) -> tuple[dict[str, NDArray[np.float32]], dict[str, int]]:
    """Return features and number of frames of the clips that have features."""
    read = read_cache(cache)
    made = {name: index for index, name in enumerate(read.clip_id) if read.valid[index]}
    features = {name: read.features[index] for name, index in made.items()}
    return features, {name: int(read.num_frames[index]) for name, index in made.items()}
