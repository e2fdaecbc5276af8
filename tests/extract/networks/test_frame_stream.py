"""Frames one by one give the feature of the whole segment, with both runtimes; what cannot do so is refused."""

from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
import timm
from numpy.typing import NDArray

from common.errors import UserError
from extract.backbones import load_backbone
from extract.clip import Clip
from extract.decoding.resize_frame import FrameResizer
from extract.networks.frame_stream import FrameStream, takes_single_frames
from extract.networks.segment_network import SegmentNetwork
from extract.runtimes import RUNTIMES, CannotPrepare
from manifests.recipes.extraction import Extract

FRAMES, SEGMENTS = 4, 2
# An export takes the longer the more blocks there are. Four of the MobileNetV2's shifts are left.
SMALLER: dict[str, dict[str, Any]] = {
    "tsm_mobilenetv2_online": {"depth_multiplier": 0.5},
    "tsm_resnet50_online": {"layers": (1, 2, 1, 1)},
    "timm:test_resnet": {},
}
pytestmark = pytest.mark.usefixtures("one_thread")


def network(backbone: str) -> SegmentNetwork:
    config = Extract(backbone=backbone, weights="random", frames_per_segment=FRAMES, image_size=64)
    return SegmentNetwork(load_backbone(config), device="cpu", num_segments=SEGMENTS)


def video() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (SEGMENTS * FRAMES, 70, 90, 3), np.uint8)


def whole(loaded: SegmentNetwork, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
    segments = np.arange(len(frames)).reshape(-1, FRAMES)
    return loaded(Clip(frames, segments, len(frames)))


def one_by_one(stream: FrameStream, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
    features = []
    for segment in frames.reshape(-1, FRAMES, *frames.shape[1:]):
        stream.reset()
        for frame in segment:
            stream.push(frame)
        features.append(stream.features())
    return np.stack(features)


def relative(found: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    return float((np.linalg.norm(found - expected, axis=1) / np.linalg.norm(expected, axis=1)).max())


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("name", SMALLER)
def test_the_feature_is_that_of_the_whole_segment(name: str, runtime: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if find_spec(runtime) is None:
        pytest.skip(f"the package {runtime} is not installed")
    monkeypatch.setattr("timm.create_model", partial(timm.create_model, **SMALLER[name]))
    loaded, frames = network(name), video()
    expected = whole(loaded, frames)
    loaded.runtime = RUNTIMES[runtime]  # so the whole segment is not exported too: that takes as long
    stream = FrameStream.open(loaded)
    found = one_by_one(stream, frames)
    assert found.dtype == np.float32 and 0.01 < np.abs(expected).max() < 1000
    assert relative(found, expected) < 1e-6
    assert np.array_equal(one_by_one(stream, frames), found), "nothing of the last segment is left"
    backwards = one_by_one(stream, frames[::-1].copy())[::-1]
    assert (relative(backwards, expected) > 1e-3) == name.startswith("tsm"), "the order counts where there is a shift"


def test_a_frame_that_is_resized_already() -> None:
    loaded, frames = network("timm:test_resnet"), video()[:FRAMES]
    assert loaded.geometry is not None
    stream, resize = FrameStream.open(loaded), FrameResizer(loaded.geometry)
    for frame in frames:
        stream.push(resize(frame), resized=True)
    resized = stream.features()
    assert np.array_equal(resized, one_by_one(stream, frames)[0])


def test_a_segment_has_its_number_of_frames() -> None:
    stream, frames = FrameStream.open(network("timm:test_resnet")), video()
    assert (stream.frames, stream.pushed) == (FRAMES, 0)
    stream.push(frames[0])
    with pytest.raises(ValueError, match="a segment has 4 frames, and 1 were pushed"):
        stream.features()
    for frame in frames[1:FRAMES]:
        stream.push(frame)
    with pytest.raises(ValueError, match="the segment has its 4 frames"):
        stream.push(frames[4])


@pytest.mark.parametrize("name", ["tsm_mobilenetv2", "joint_statistics"])
def test_what_needs_the_whole_segment_is_refused(name: str) -> None:
    config = Extract(backbone=name, weights="none" if name == "joint_statistics" else "random", image_size=32)
    loaded = SegmentNetwork(load_backbone(config), device="cpu")
    assert not takes_single_frames(loaded.backbone)
    with pytest.raises(UserError, match=f"cannot be computed one by one with the backbone {name}; with tsm_mob"):
        FrameStream.open(loaded)


def test_streams_of_one_network_do_not_mix() -> None:
    first = FrameStream.open(network("tsm_mobilenetv2_online"))
    second, frames = first.another(), video()
    expected = one_by_one(first, frames)
    first.reset()
    for one, other in zip(frames[:FRAMES], frames[FRAMES:], strict=True):
        first.push(one)
        second.push(other)
    assert np.array_equal(np.stack([first.features(), second.features()]), expected)


def test_a_runtime_that_cannot_compute_single_frames_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def cannot(*_: object) -> None:
        raise CannotPrepare("no such operation")

    loaded = network("timm:test_resnet")
    monkeypatch.setattr(type(loaded.runtime), "prepare_graph", cannot)
    with pytest.raises(UserError, match="torch cannot compute timm:test_resnet for single frames: no such operation; "):
        FrameStream.open(loaded)
