"""The resize against Pillow's own, byte for byte."""

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from extract.networks.pillow_weights import Axis, Interpolation
from extract.networks.resize import resize

FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
SIDES = st.one_of(st.integers(1, 9), st.integers(1, 400))

pytestmark = pytest.mark.usefixtures("one_thread")


def picture(height: int, width: int, kind: str, seed: int) -> NDArray[np.uint8]:
    """Noise of all grey levels, or of black and white only, where bicubic overshoots most: (H, W, 3)."""
    noise = np.random.default_rng(seed)
    if kind == "grey levels":
        return noise.integers(0, 256, (height, width, 3), np.uint8)
    return noise.choice(np.array([0, 255], np.uint8), (height, width, 3))


def ours(frames: NDArray[np.uint8], height: int, width: int, interpolation: Interpolation) -> NDArray[np.uint8]:
    rows, columns = Axis(frames.shape[1], height, 0, height), Axis(frames.shape[2], width, 0, width)
    return resize(torch.from_numpy(frames), rows, columns, interpolation).numpy()


def by_pillow(frame: NDArray[np.uint8], height: int, width: int, interpolation: Interpolation) -> NDArray[np.uint8]:
    """Resize the width, then the height, in two calls; Pillow 13 alone does tall pictures the other way round."""
    image = Image.fromarray(frame)
    for size in ((width, image.height), (width, height)):
        image = image.resize(size, FILTERS[interpolation])
    return np.asarray(image)


@settings(max_examples=150, deadline=None)
@given(SIDES, SIDES, SIDES, SIDES, st.sampled_from(["grey levels", "black and white"]), st.integers(0, 2**31))
@example(240, 320, 256, 341, "grey levels", 0)  # UCF101 to what TSM sees
@example(240, 320, 256, 341, "black and white", 0)
@example(1080, 1920, 256, 455, "grey levels", 0)
@example(1, 1, 300, 300, "grey levels", 0)
@example(300, 300, 1, 1, "grey levels", 0)
@example(240, 320, 240, 341, "grey levels", 0)  # one pass only
@example(240, 320, 256, 320, "grey levels", 0)
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_every_byte_is_pillows(
    interpolation: Interpolation, height: int, width: int, new_height: int, new_width: int, kind: str, seed: int
) -> None:
    frame = picture(height, width, kind, seed)
    expected = by_pillow(frame, new_height, new_width, interpolation)
    assert np.array_equal(ours(frame[None], new_height, new_width, interpolation)[0], expected)


@settings(max_examples=60, deadline=None)
@given(st.data(), SIDES, SIDES, st.integers(1, 200), st.integers(1, 200))
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_a_part_of_the_result_is_cut_out_of_the_whole(
    interpolation: Interpolation, data: st.DataObject, height: int, width: int, new_height: int, new_width: int
) -> None:
    frames = np.stack([picture(height, width, "grey levels", seed) for seed in range(2)])
    top, left = (data.draw(st.integers(0, side - 1)) for side in (new_height, new_width))
    rows = data.draw(st.integers(1, new_height - top))
    columns = data.draw(st.integers(1, new_width - left))
    part = resize(
        torch.from_numpy(frames),
        Axis(height, new_height, top, rows),
        Axis(width, new_width, left, columns),
        interpolation,
    )
    whole = ours(frames, new_height, new_width, interpolation)
    assert np.array_equal(part.numpy(), whole[:, top : top + rows, left : left + columns])


@pytest.mark.gpu
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_a_gpu_gives_the_same_bytes(interpolation: Interpolation) -> None:
    frames = torch.from_numpy(picture(240, 320, "grey levels", 0)[None])
    rows, columns = Axis(240, 256, 16, 224), Axis(320, 341, 58, 224)
    on_gpu = resize(frames.cuda(), rows, columns, interpolation).cpu()
    assert torch.equal(on_gpu, resize(frames, rows, columns, interpolation))
