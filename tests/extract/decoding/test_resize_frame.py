"""The resize of decode workers against Pillow's own and against torch's form, byte for byte."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from extract.decoding.resize_frame import FrameResizer
from extract.networks.geometry import Aspect, Geometry
from extract.networks.pillow_weights import Interpolation
from extract.networks.preprocess import Preprocess

FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
SIDES = st.one_of(st.integers(1, 9), st.integers(1, 300))

pytestmark = pytest.mark.usefixtures("one_thread")


@settings(max_examples=100, deadline=None)
@given(SIDES, SIDES, st.integers(1, 150), st.integers(0, 40), st.sampled_from(["kept", "squashed"]), st.booleans())
@example(240, 320, 256, 32, "kept", False)  # UCF101 to what TSM sees
@example(240, 320, 256, 32, "squashed", True)
@example(256, 341, 256, 31, "kept", False)  # no resize
@example(256, 300, 256, 0, "squashed", False)  # one pass only
@example(300, 256, 256, 0, "squashed", False)
@example(1080, 1920, 256, 32, "kept", True)  # strips, and smaller bands
@example(300, 300, 1, 0, "kept", False)
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_every_byte_is_pillows(
    interpolation: Interpolation, height: int, width: int, resize: int, cut: int, aspect: Aspect, extremes: bool
) -> None:
    geometry = Geometry(resize, max(resize - cut, 1), interpolation, aspect)
    noise = np.random.default_rng(height * width)
    levels = np.array([0, 255], np.uint8) if extremes else np.arange(256, dtype=np.uint8)  # bicubic overshoots
    frame = noise.choice(levels, (height, width, 3))
    rows, columns = geometry.axes(height, width)
    image = Image.fromarray(frame)
    for size in ((columns.resized, height), (columns.resized, rows.resized)):  # two calls: Pillow 13 may swap them
        image = image.resize(size, FILTERS[interpolation])
    expected = np.asarray(image)[rows.start :, columns.start :][: geometry.crop, : geometry.crop]
    assert np.array_equal(FrameResizer(geometry)(frame), expected)


@pytest.mark.parametrize("size", [(240, 320), (720, 1280), (333, 222)])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_the_network_gets_the_same_bytes_from_either_form(interpolation: Interpolation, size: tuple[int, int]) -> None:
    preprocess = Preprocess(256, 224, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), interpolation)
    frames = np.random.default_rng(0).integers(0, 256, (2, *size, 3), np.uint8)
    resizer = FrameResizer(preprocess.geometry)
    resized = np.stack([resizer(frame) for frame in frames])
    there = preprocess.normalise(torch.from_numpy(resized))
    here = preprocess(torch.from_numpy(frames))
    assert torch.equal(there.view(torch.int32), here.view(torch.int32)) and there.stride() == here.stride()


def test_a_frame_that_is_a_view_of_other_memory_is_read_in_its_own_order() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (50, 80, 3), np.uint8)
    resizer = FrameResizer(Geometry(32, 28, "bilinear", "kept"))
    padded = np.zeros((50, 96, 3), np.uint8)
    padded[:, :80] = frame
    assert np.array_equal(resizer(padded[:, :80]), resizer(frame))


def test_a_decode_worker_does_not_load_torch() -> None:
    code = "import sys, extract.decoding.decode_worker; print('torch' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
