"""MoViNet frame by frame gives the features of whole clips, in both runtimes; a restart forgets the clip before."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from common.errors import UserError
from extract.backbones import load_backbone
from extract.backbones.movinet import SIZES
from extract.clip import Clip
from extract.machine import Machine
from extract.network_loader import load_segment_network
from extract.networks.frame_stream import FrameStream
from extract.networks.segment_network import SegmentNetwork
from extract.networks.video.movinet import Movinet, MovinetSize
from extract.runtimes import RUNTIMES
from manifests.recipes.extraction import Extract

pytestmark = pytest.mark.usefixtures("one_thread")

SMALL = MovinetSize(
    8, ((8, ((24, 1, 5),)), (16, ((24, 3, 3),)), (16, ((24, 5, 3),)), (24, ((32, 5, 3),)), (24, ((40, 1, 5),))), 32
)
SEGMENTS, FRAMES, SIDE = 4, 3, 40


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """An export takes the longer the more blocks there are."""
    monkeypatch.setitem(SIZES, "a0", SMALL)


@pytest.fixture
def config(tmp_path: Path) -> Extract:
    """With weights whose features differ from segment to segment; those of a new network hardly do."""
    torch.manual_seed(0)
    state = Movinet(SMALL, SEGMENTS, FRAMES).state_dict()
    for name, tensor in state.items():
        if name.endswith("bias"):
            tensor.normal_(0, 0.3)
        elif tensor.dim() == 4:
            tensor.mul_(3)
    torch.save(state, tmp_path / "weights")
    shape = {"segments": SEGMENTS, "frames_per_segment": FRAMES, "image_size": SIDE}
    return Extract(backbone="movinet:a0", weights=str(tmp_path / "weights"), **shape)


def clips() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (2, SEGMENTS * FRAMES, 50, 60, 3), np.uint8)


def whole(network: SegmentNetwork, clip: NDArray[np.uint8]) -> NDArray[np.float32]:
    return network(Clip(clip, np.arange(len(clip)).reshape(SEGMENTS, FRAMES), len(clip)))


def one_by_one(stream: FrameStream, clip: NDArray[np.uint8]) -> NDArray[np.float32]:
    def features() -> Iterator[NDArray[np.float32]]:
        for segment in clip.reshape(SEGMENTS, FRAMES, *clip.shape[1:]):
            stream.reset()
            for frame in segment:
                stream.push(frame)
            yield stream.features()

    return np.stack(list(features()))


def relative(found: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    return float((np.linalg.norm(found - expected, axis=1) / np.linalg.norm(expected, axis=1)).max())


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_features_are_those_of_the_whole_clip(runtime: str, config: Extract) -> None:
    if find_spec(runtime) is None:
        pytest.skip(f"the package {runtime} is not installed")
    network = SegmentNetwork(load_backbone(config), device="cpu", num_segments=SEGMENTS)
    first, second = clips()
    expected = whole(network, first)
    assert relative(expected[1:], expected[:-1]) > 0.01, "segments differ"
    network.runtime = RUNTIMES[runtime]
    stream = FrameStream.open(network)
    other = stream.another()
    found = one_by_one(stream, first)
    assert found.dtype == np.float32 and relative(found, expected) < 1e-6
    carried = one_by_one(stream, second)
    assert relative(carried, whole(network, second)) > 1e-3, "the clip before still counts"
    stream.restart()
    assert np.array_equal(one_by_one(stream, first), found), "nothing of the clips before is left"
    assert np.array_equal(one_by_one(other, first), found), "streams do not mix"


def test_a_network_for_streams_is_made_for_whole_clips(config: Extract) -> None:
    network = load_segment_network(config, Machine("cpu", runtime="torch"), segments_at_once=1)
    (clip, _) = clips()
    assert relative(one_by_one(FrameStream.open(network), clip), whole(network, clip)) < 1e-6


def test_sums_in_a_coarse_precision_are_refused(config: Extract) -> None:
    network = SegmentNetwork(load_backbone(config), device="cpu", num_segments=SEGMENTS, precision="bf16")
    with pytest.raises(UserError, match="carries sums over all frames of a clip, for which bf16 is too coarse"):
        FrameStream.open(network)
