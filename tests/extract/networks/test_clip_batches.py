"""Batches across clips: every clip's features are its own, in order, whatever lies beside it and however input ends."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from common.errors import UserError
from extract.backbones import load_backbone
from extract.clip import Clip
from extract.networks import clip_batches as batches_module
from extract.networks import device_upload as upload_module
from extract.networks.backbone import Backbone
from extract.networks.clip_batches import ClipBatches, Features, choose_batches
from extract.networks.device_upload import DeviceUpload
from extract.networks.segment_network import SegmentNetwork
from manifests.recipes.extraction import Extract

SEGMENTS, FRAMES, SIDE = 3, 2, 32
CPU = torch.device("cpu")
Named = list[tuple[str, Clip]]

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def network() -> SegmentNetwork:
    backbone = load_backbone(
        Extract(backbone="tsm_mobilenetv2", weights="random", frames_per_segment=FRAMES, image_size=SIDE)
    )
    return SegmentNetwork(backbone, device="cpu")


def batches_of(network: SegmentNetwork, clips_at_once: int = 3) -> ClipBatches:
    shape = (SEGMENTS, FRAMES, 3, SIDE, SIDE)
    return ClipBatches(network.pooled, network.backbone, shape, torch.float32, CPU, clips_at_once)


def clip(seed: int, height: int = 40, width: int = 52, segments: int = SEGMENTS) -> Clip:
    chance = np.random.default_rng(seed)
    content = chance.integers(0, 256, (segments * FRAMES - 1, height, width, 3), np.uint8)
    positions = np.minimum(np.arange(segments * FRAMES), len(content) - 1).reshape(segments, FRAMES)
    return Clip(content, positions, 100 + seed)


def named(count: int) -> Named:
    return [(f"c{seed}", clip(seed, 34 + 5 * seed, 60 - 4 * seed)) for seed in range(count)]


def same(got: list[Features], network: SegmentNetwork, clips: Named) -> None:
    assert [(clip_id, frames) for clip_id, frames, _ in got] == [(clip_id, clip.num_frames) for clip_id, clip in clips]
    for (_, _, features), (_, clip) in zip(got, clips, strict=True):
        expected = network(clip)
        assert features.dtype == np.float32
        np.testing.assert_allclose(features, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 6, 7, 11])
def test_clips_of_all_sizes_in_order_as_if_alone(network: SegmentNetwork, count: int) -> None:
    clips = named(count)
    got = list(batches_of(network).stream(clips, network))
    same(got, network, clips)
    assert all(features.base is None for _, _, features in got)  # a row keeps no batch in memory


def repeating(seed: int, distinct: int) -> Clip:
    """A clip so short that its segments share frames."""
    content = np.random.default_rng(seed).integers(0, 256, (distinct, 40, 52, 3), np.uint8)
    positions = np.arange(SEGMENTS * FRAMES) * distinct // (SEGMENTS * FRAMES)
    return Clip(content, positions.reshape(SEGMENTS, FRAMES), distinct)


@pytest.mark.parametrize("clips_at_once", [1, 3])
def test_frames_one_by_one_are_each_computed_once(clips_at_once: int) -> None:
    per_frame = SegmentNetwork(
        load_backbone(
            Extract(backbone="timm:test_resnet", weights="random", frames_per_segment=FRAMES, image_size=SIDE)
        ),
        device="cpu",
    )
    batches = batches_of(per_frame, clips_at_once)
    shapes: list[tuple[int, ...]] = []
    batches.network.segments = lambda images: (shapes.append(tuple(images.shape)), per_frame.pooled(images))[1]
    clips = [(f"c{seed}", repeating(seed, distinct)) for seed, distinct in enumerate([2, 6, 1, 6, 3, 4, 5, 6, 6, 6, 2])]
    clips.insert(5, ("long", clip(7, segments=5)))
    same(list(batches.stream(clips, per_frame)), per_frame, clips)
    places = clips_at_once * SEGMENTS * FRAMES
    filled = 11 if clips_at_once == 1 else 4  # 2+6+1+6+3 | 4+5+6 | 6+6+2 of 18, cut by the long one: as many as fit
    assert len(shapes) <= filled and set(shapes) == {(places, 1, 3, SIDE, SIDE)}


def test_the_network_sees_one_shape_only(network: SegmentNetwork) -> None:
    shapes: list[tuple[int, ...]] = []

    def noting(images: Tensor) -> Tensor:
        shapes.append(tuple(images.shape))
        return network.pooled(images)

    batches = ClipBatches(noting, network.backbone, (SEGMENTS, FRAMES, 3, SIDE, SIDE), torch.float32, CPU, 3)
    list(batches.stream(named(7), network))
    assert shapes == [(9, FRAMES, 3, SIDE, SIDE)] * 3  # the last one is filled up
    assert batches.network.images.flatten(0, 1).is_contiguous(memory_format=torch.channels_last)


def test_a_batch_is_out_while_the_next_is_read(network: SegmentNetwork) -> None:
    """Two batches behind at most, so that neither memory nor what a kill costs grows."""
    read = 0

    def reading() -> Iterator[tuple[str, Clip]]:
        nonlocal read
        for item in named(9):
            read += 1
            yield item

    for number, _ in enumerate(batches_of(network, 2).stream(reading(), network)):
        assert read <= min(number - number % 2 + 4, 9)


def test_a_clip_of_another_shape_goes_alone_in_its_place(network: SegmentNetwork) -> None:
    clips = [*named(2), ("long", clip(7, segments=5)), ("next", clip(8, segments=4)), *named(4)]
    got = list(batches_of(network).stream(clips, network))
    same(got, network, clips)
    assert [features.shape[0] for _, _, features in got] == [3, 3, 5, 4, 3, 3, 3, 3]


class Cut(BaseException):
    """As KeyboardInterrupt is, no Exception."""


@pytest.mark.parametrize("count", [0, 2, 3, 7])
@pytest.mark.parametrize("error", [Cut, UserError])
def test_what_came_before_an_error_is_computed(network: SegmentNetwork, count: int, error: type[BaseException]) -> None:
    def cut() -> Iterator[tuple[str, Clip]]:
        yield from named(count)
        raise error("stop")

    got: list[Features] = []
    with pytest.raises(error, match="stop"):
        for features in batches_of(network).stream(cut(), network):
            got.append(features)
    same(got, network, named(count))


def test_who_stops_reading_closes_the_input(network: SegmentNetwork) -> None:
    closed = False

    def reading() -> Iterator[tuple[str, Clip]]:
        nonlocal closed
        try:
            yield from named(9)
        finally:
            closed = True

    stream = batches_of(network).stream(reading(), network)
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert closed


def test_big_clips_go_to_the_device_in_pieces(network: SegmentNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    clips = named(4)
    whole = list(batches_of(network).stream(clips, network))
    sent: list[int] = []

    class Noting(DeviceUpload):
        def __call__(self, content: NDArray[np.uint8] | NDArray[np.float32]) -> Tensor:
            sent.append(content.nbytes)
            return super().__call__(content)

    monkeypatch.setattr(batches_module, "DeviceUpload", Noting)
    for piece in (2 * clips[0][1].content[0].nbytes, 1):
        sent.clear()
        monkeypatch.setattr(batches_module, "PIECE", piece)
        monkeypatch.setattr(upload_module, "PIECE", piece)
        got = list(batches_of(network).stream(clips, network))
        assert len(sent) > 2 * len(clips) and max(sent) <= max(piece, *(c.content[0].nbytes for _, c in clips))
        assert all(np.array_equal(one[2], other[2]) for one, other in zip(got, whole, strict=True))


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_an_uploaded_array_is_a_copy_of_its_own(device: str) -> None:
    upload = DeviceUpload(torch.device(device))
    sizes = [(3, 4), (5, 2), (1, 1), (40, 3)]
    arrays = [np.random.default_rng(number).random(size, np.float32) for number, size in enumerate(sizes)]
    kept = [array.copy() for array in arrays]
    sent = [upload(array) for array in arrays]
    assert all(buffer.numel() for buffer in upload.pinned)  # both took their turn
    for array in arrays:
        array[:] = 0
    assert all(np.array_equal(tensor.cpu().numpy(), array) for tensor, array in zip(sent, kept, strict=True))


@pytest.mark.gpu
def test_two_pinned_buffers_take_turns_with_large_arrays() -> None:
    """A buffer that is filled again before its copy to the GPU has ended would change the array there."""
    upload = DeviceUpload(torch.device("cuda"))
    arrays = [np.full(upload_module.PIECE, number, np.uint8) for number in range(6)]
    torch.cuda._sleep(10**8)  # the copies wait behind other work
    sent = [upload(array) for array in arrays]
    assert all(buffer.is_pinned() for buffer in upload.pinned)
    assert all(bool((tensor == number).all()) for number, tensor in enumerate(sent))


def test_about_as_many_clips_as_fill_a_batch(network: SegmentNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches_module, "BATCH_IMAGES", 4 * SEGMENTS * FRAMES + 1)
    shape = (SEGMENTS, FRAMES, 3, SIDE, SIDE)
    assert choose_batches(network.pooled, network.backbone, shape, torch.float32, CPU).clips_at_once == 4
    monkeypatch.setattr(batches_module, "BATCH_IMAGES", 1)
    assert choose_batches(network.pooled, network.backbone, shape, torch.float32, CPU).clips_at_once == 1


@pytest.mark.parametrize("place", [0, -1])
def test_a_clip_whose_position_matters_is_computed_alone(
    network: SegmentNetwork, monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    monkeypatch.setattr(batches_module, "BATCH_IMAGES", 4 * SEGMENTS * FRAMES)

    def uneven(images: Tensor) -> Tensor:
        features = images.flatten(1).double().mean(1, keepdim=True).float()
        features[place] = torch.nextafter(features[place], torch.tensor(9.0))  # one bit
        return features

    def mixing(images: Tensor) -> Tensor:
        features = images.flatten(1).mean(1, keepdim=True)
        return features + features.mean()

    shape = (SEGMENTS, FRAMES, 3, SIDE, SIDE)
    for segments in (uneven, mixing):
        assert choose_batches(segments, network.backbone, shape, torch.float32, CPU).clips_at_once == 1


def test_where_memory_is_short_clips_go_alone(network: SegmentNetwork) -> None:
    def greedy(images: Tensor) -> Tensor:
        if len(images) > SEGMENTS:
            raise torch.OutOfMemoryError("out of memory")
        return images.flatten(1).mean(1, keepdim=True)

    shape = (SEGMENTS, FRAMES, 3, SIDE, SIDE)
    assert choose_batches(greedy, network.backbone, shape, torch.float32, CPU).clips_at_once == 1


def skeleton(seed: int, joints: int = 25) -> Clip:
    points = np.random.default_rng(seed).normal(size=(40 * joints, 3)).astype(np.float32)
    stretches = [[[4 * n * joints, 4, joints, 1], [0, 4 * n + 4, joints, 1]] for n in range(10)]
    return Clip(points, np.array(stretches), 40)


@pytest.mark.parametrize(
    "backbone",
    [
        load_backbone(Extract(backbone="va_cnn", weights="random", segments=10, pictures="both", image_size=40)),
        load_backbone(Extract(backbone="joints", weights="none", frames_per_segment=3)),
    ],
)
def test_skeletons_go_through_the_same_door(backbone: Backbone) -> None:
    network = SegmentNetwork(backbone, device="cpu")
    clips = [(f"s{seed}", skeleton(seed, 20 if seed == 1 else 25)) for seed in range(4)]
    shape = tuple(network.images(clips[0][1]).shape)
    batches = ClipBatches(network.pooled, backbone, shape, torch.float32, CPU, 2)
    same(list(batches.stream(clips, network)), network, clips)


def test_a_skeleton_of_another_kind_ends_the_stream_after_those_before_it() -> None:
    backbone = replace(load_backbone(Extract(backbone="joints", weights="none", frames_per_segment=3)), joints=25)
    network = SegmentNetwork(backbone, device="cpu")
    clips = [(f"s{seed}", skeleton(seed, 20 if seed == 4 else 25)) for seed in range(6)]
    shape = tuple(network.images(clips[0][1]).shape)
    for batches in (None, ClipBatches(network.pooled, backbone, shape, torch.float32, CPU, 3)):
        network.batches = batches
        got: list[Features] = []
        with pytest.raises(UserError, match="trained on skeletons of 25 joints"):
            for features in network.stream(clips):
                got.append(features)
        same(got, network, clips[:4])


def test_on_a_cpu_a_stream_is_one_clip_after_another(network: SegmentNetwork) -> None:
    clips = named(4)
    got = list(network.stream(clips))
    assert all(np.array_equal(features, network(clip)) for (_, _, features), (_, clip) in zip(got, clips, strict=True))
    assert "clips_at_once" not in network.settings


@pytest.mark.gpu
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_on_a_gpu_bits_are_the_clips_own(network: SegmentNetwork, precision: str, compiled: bool) -> None:
    gpu = SegmentNetwork(network.backbone, device="cuda", precision=precision, compiled=compiled, num_segments=SEGMENTS)
    assert gpu.batches is not None and gpu.settings["clips_at_once"] == gpu.batches.clips_at_once
    clips = named(6) * 20
    got = [features for _, _, features in gpu.stream(clips)]
    (alone,) = [features for _, _, features in gpu.stream(clips[3:4])]
    assert all(np.array_equal(features, alone) for features in got[3::6])
    expected = network(clips[3][1])
    assert (alone * expected).sum() / np.linalg.norm(alone) / np.linalg.norm(expected) > 0.999
