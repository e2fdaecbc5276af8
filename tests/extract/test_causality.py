"""The future is changed and bits are compared: features and student of segments 1…n depend on no later frame."""

import functools
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from distill.models import Classifier, predict_outputs
from extract.backbones import load_backbone
from extract.clip import Clip
from extract.decoding.decode import decode_clip
from extract.networks.segment_network import SegmentNetwork
from extract.segments import frame_indices
from manifests.recipes.extraction import Extract

SEGMENTS = 10
BACKBONES = ["tsm_resnet50", "tsm_mobilenetv2", "timm:test_resnet"]
SIDE = 40
Video = NDArray[np.uint8]  # (T, SIDE, SIDE, 3)

pytestmark = pytest.mark.usefixtures("one_thread")


@functools.cache
def network(backbone: str, frames_per_segment: int, precision: str = "fp32") -> SegmentNetwork:
    random = load_backbone(
        Extract(backbone=backbone, weights="random", frames_per_segment=frames_per_segment, image_size=32)
    )
    return SegmentNetwork(random, device="cpu", precision=precision)


def noise(num_frames: int, seed: int) -> Video:
    return np.random.default_rng(seed).integers(0, 256, (num_frames, SIDE, SIDE, 3), np.uint8)


def seen_by(segment: int, num_frames: int) -> int:
    """How many frames have been seen at the end of segment n = 1 … 10; the first frame always has."""
    return max(segment * num_frames // SEGMENTS, 1)


def clip_of(video: Video, frames_per_segment: int) -> Clip:
    wanted, positions = np.unique(frame_indices(len(video), SEGMENTS, frames_per_segment), return_inverse=True)
    return Clip(video[wanted], positions.reshape(SEGMENTS, frames_per_segment), len(video))


def equal(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which steps are the same in every bit: (N, D) twice → (N,)."""
    same: NDArray[np.bool_] = (one.view(np.int32) == other.view(np.int32)).all(axis=1)
    return same


def lossless(path: Path, video: Video) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.height, stream.width, stream.pix_fmt = SIDE, SIDE, "bgr0"
        for picture in video:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("backbone", BACKBONES)
@settings(max_examples=12, deadline=None, phases=[Phase.reuse, Phase.generate])  # to shrink would take minutes
@given(st.data(), st.integers(1, 40), st.integers(1, 4), st.integers(1, 10), st.integers(0, 2**31))
def test_features_do_not_depend_on_later_frames(
    backbone: str, data: st.DataObject, num_frames: int, frames_per_segment: int, segment: int, seed: int
) -> None:
    seen = seen_by(segment, num_frames)
    assume(seen < num_frames)
    later = st.integers(seen, num_frames - 1)
    changed = data.draw(st.one_of(st.just(set(range(seen, num_frames))), st.sets(later, min_size=1)), "changed")
    video = noise(num_frames, seed)
    other = video.copy()
    other[sorted(changed)] = 255 - other[sorted(changed)]

    extract = network(backbone, frames_per_segment)
    same = equal(extract(clip_of(video, frames_per_segment)), extract(clip_of(other, frames_per_segment)))
    indices = frame_indices(num_frames, SEGMENTS, frames_per_segment)
    assert same[:segment].all()
    assert same.tolist() == [changed.isdisjoint(frames) for frames in indices.tolist()]


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_nor_in_half_precision(precision: str) -> None:
    video = noise(30, 0)
    other = np.concatenate([video[:12], noise(18, 1)])
    extract = network("tsm_mobilenetv2", 3, precision)
    same = equal(extract(clip_of(video, 3)), extract(clip_of(other, 3)))
    assert same.tolist() == [True] * 4 + [False] * 6


@pytest.mark.parametrize("backbone", BACKBONES)
def test_frames_of_one_segment_do_mix_where_they_are_shifted(backbone: str) -> None:
    """Otherwise the tests above could not fail: within a segment, the shift from both sides uses later frames."""
    video = noise(20, 0)
    other = video.copy()
    other[1] = 255 - other[1]
    loaded = network(backbone, 2).backbone
    images = [loaded.draw(torch.from_numpy(pictures[:2]), torch.tensor([[0, 1]]))[0] for pictures in (video, other)]
    with torch.inference_mode():
        one, changed = (loaded.network(pair.contiguous(memory_format=torch.channels_last)) for pair in images)
    assert torch.equal(one[0], changed[0]) == (not backbone.startswith("tsm"))


def test_online_each_frame_depends_on_itself_and_the_frames_before() -> None:
    loaded = network("tsm_mobilenetv2_online", 3).backbone
    features = []
    for changed in (None, 0, 1, 2):
        video = noise(3, 0)
        if changed is not None:
            video[changed] = 255 - video[changed]
        images = loaded.draw(torch.from_numpy(video), torch.tensor([[0, 1, 2]]))[0]
        with torch.inference_mode():
            features.append(loaded.network(images.contiguous(memory_format=torch.channels_last)).numpy())
    original, *others = features
    assert [equal(original, other).tolist() for other in others] == [
        [False, False, False],
        [True, False, False],
        [True, True, False],
    ]


@pytest.mark.parametrize("segment", [1, 4, 9])
@pytest.mark.parametrize("num_frames", [34, 7])
def test_from_the_file_to_the_models(tmp_path: Path, segment: int, num_frames: int) -> None:
    """Two files are equal up to the end of segment n: so are features and student, but not the teacher."""
    seen = seen_by(segment, num_frames)
    video = noise(num_frames, 0)
    other = np.concatenate([video[:seen], noise(num_frames - seen, 1)])
    extract = network("tsm_resnet50", 2)
    features = []
    for name, pictures in (("one", video), ("other", other)):
        clip = decode_clip(lossless(tmp_path / f"{name}.mkv", pictures), SEGMENTS, 2)
        assert clip.num_frames == num_frames
        assert np.array_equal(clip.content, clip_of(pictures, 2).content), "the file is lossless"
        features.append(extract(clip))
    assert equal(*features)[:segment].all() and not equal(*features)[-1]

    # Each clip stands in the same place of its batch: some processors round by the row of a matrix.
    batches = [torch.from_numpy(np.stack([clip, features[0]])) for clip in features]  # (2, N, D) each
    torch.manual_seed(0)
    student, teacher = (Classifier(kind, features[0].shape[-1], 16, 5) for kind in ("gru", "bigru"))
    for clips_at_once in (1, 2):
        of_student, of_teacher = (
            [predict_outputs(model, batch, clips_at_once).logits[0].numpy() for batch in batches]
            for model in (student, teacher)
        )
        same = equal(*of_student)
        assert same[:segment].all() and not same[-1]
        assert not equal(*of_teacher)[segment - 1 :].any()
