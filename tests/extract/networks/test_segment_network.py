"""Frames that segments share are computed once, and not a bit of a feature shows it."""

from dataclasses import replace

import numpy as np
import pytest
from torch import Tensor

from extract.backbones import load_backbone
from extract.clip import Clip
from extract.networks.segment_network import SegmentNetwork
from extract.segments import frame_indices
from manifests.recipes.extraction import Extract

pytestmark = pytest.mark.usefixtures("one_thread")


def clip_of(num_frames: int, segments: int, frames_per_segment: int) -> Clip:
    video = np.random.default_rng(num_frames).integers(0, 256, (num_frames, 34, 44, 3), np.uint8)
    wanted, positions = np.unique(frame_indices(num_frames, segments, frames_per_segment), return_inverse=True)
    return Clip(video[wanted], positions.reshape(segments, frames_per_segment), num_frames)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("backbone", ["efficientnet_lite0", "timm:convnext_atto"])
def test_repeated_frames_give_the_same_bytes_computed_once(backbone: str, precision: str) -> None:
    for segments, frames_per_segment, lengths in ((10, 8, (1, 7, 60)), (7, 3, (20,)), (1, 1, (5,))):
        once = load_backbone(
            Extract(backbone=backbone, weights="random", frames_per_segment=frames_per_segment, image_size=32)
        )
        assert once.per_frame
        networks = [
            SegmentNetwork(replace(once, per_frame=per_frame), device="cpu", precision=precision)
            for per_frame in (True, False)
        ]
        for num_frames in lengths:
            clip = clip_of(num_frames, segments, frames_per_segment)
            one, other = (network(clip) for network in networks)
            assert np.array_equal(one.view(np.int32), other.view(np.int32)), f"{num_frames} frames"


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize(
    "backbone", ["efficientnet_lite0", "tsm_resnet50", "tsm_resnet50_nl", "tsm_mobilenetv2", "timm:convnext_atto"]
)
def test_a_gpu_gives_the_features_of_a_cpu(backbone: str, precision: str) -> None:
    config = Extract(backbone=backbone, weights="random", frames_per_segment=8, image_size=64)
    on_cpu = SegmentNetwork(load_backbone(config), device="cpu")
    on_gpu = SegmentNetwork(load_backbone(config), device="cuda", precision=precision)
    clips = [clip_of(num_frames, 10, 8) for num_frames in (5, 60, 200)]
    found = {name: features for name, _, features in on_gpu.stream((str(n), clip) for n, clip in enumerate(clips))}
    for number, clip in enumerate(clips):
        one, other = found[str(number)], on_cpu(clip)
        cosine = (one * other).sum(axis=1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)
        assert cosine.min() >= (0.999999 if precision == "fp32" else 0.999)


@pytest.mark.parametrize("num_frames", [1, 17, 60, 300])
def test_batches_have_one_shape_whatever_the_clip(num_frames: int, monkeypatch: pytest.MonkeyPatch) -> None:
    network = SegmentNetwork(
        load_backbone(Extract(backbone="timm:test_resnet", weights="random", frames_per_segment=8, image_size=32)),
        device="cpu",
    )
    sizes: list[int] = []
    pooled = network.pooled

    def noting(images: Tensor) -> Tensor:
        sizes.append(len(images))
        return pooled(images)

    monkeypatch.setattr(network, "pooled", noting)
    clip = clip_of(num_frames, 10, 8)
    network(clip)
    assert sizes == [16] * -(-len(clip.content) // 16)


@pytest.mark.parametrize("backbone", ["tsm_resnet50", "tsm_mobilenetv2", "tsm_mobilenetv2_online", "tsm_resnet50_nl"])
def test_where_frames_of_a_segment_mix_all_are_computed(backbone: str) -> None:
    loaded = load_backbone(Extract(backbone=backbone, weights="random", frames_per_segment=4, image_size=32))
    assert not loaded.per_frame
    network = SegmentNetwork(loaded, device="cpu")
    assert network.network_input(clip_of(6, 5, 4)).shape[:2] == (5, 4)
