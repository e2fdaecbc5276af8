"""Preprocessing against torchvision's transforms on PIL images, which the published checkpoints were made with."""

import json

import numpy as np
import pytest
import timm
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from timm.data import create_transform, resolve_data_config
from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Resize

from extract.backbones.any_timm import timm_preprocess
from extract.networks.pillow_weights import Interpolation
from extract.networks.preprocess import Preprocess

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
MODES = {"bilinear": InterpolationMode.BILINEAR, "bicubic": InterpolationMode.BICUBIC}

pytestmark = pytest.mark.usefixtures("one_thread")


def by_torchvision(frame: NDArray[np.uint8], resize: int, crop: int, interpolation: Interpolation) -> NDArray[np.uint8]:
    """Resize the width, then the height, then CenterCrop; Pillow 13 alone does tall pictures the other way round."""
    image = Image.fromarray(frame)
    width, height = Resize(resize)(Image.new("1", image.size)).size
    for size in ((width, image.height), (width, height)):
        image = image.resize(size, FILTERS[interpolation])
    return np.asarray(CenterCrop(crop)(image))


def grey_levels(frame: NDArray[np.uint8], resize: int, crop: int, interpolation: Interpolation) -> NDArray[np.float32]:
    """Return our picture before it is normalised: (crop, crop, 3)."""
    unscaled = Preprocess(resize, crop, (0.0,) * 3, (1 / 255,) * 3, interpolation)
    out = unscaled(torch.from_numpy(frame[None]))
    assert out.shape == (1, 3, crop, crop) and out.dtype == torch.float32
    return out[0].permute(1, 2, 0).numpy()


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 120), st.integers(1, 120), st.integers(1, 50), st.integers(0, 30), st.integers(0, 2**31))
@example(240, 320, 256, 32, 0)
@example(320, 240, 256, 32, 0)
@example(2, 2, 64, 8, 0)
@example(1, 7, 64, 8, 0)
@example(256, 455, 256, 32, 0)  # no resize, an odd number of columns is cut off
@example(256, 341, 256, 31, 0)  # an odd number of rows
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_every_grey_level_is_torchvisions(
    interpolation: Interpolation, height: int, width: int, resize: int, cut: int, seed: int
) -> None:
    crop = max(resize - cut, 1)
    frame = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    expected = by_torchvision(frame, resize, crop, interpolation)
    assert np.array_equal(grey_levels(frame, resize, crop, interpolation), expected.astype(np.float32))


@pytest.mark.parametrize(("height", "width"), [(240, 320), (320, 240), (256, 340), (720, 1280), (301, 300)])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_common_sizes_are_as_torchvisions_transforms_in_one_call(
    interpolation: Interpolation, height: int, width: int
) -> None:
    frame = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    transform = Compose([Resize(256, MODES[interpolation]), CenterCrop(224)])
    expected = np.asarray(transform(Image.fromarray(frame)))
    assert np.array_equal(grey_levels(frame, 256, 224, interpolation), expected.astype(np.float32))


@pytest.mark.parametrize(
    "name", ["convnext_atto.d2_in1k", "convnext_base.fb_in22k_ft_in1k_384", "coat_lite_medium_384"]
)
def test_a_timm_model_sees_what_timm_shows_it(name: str) -> None:
    """One of them sees the centre of a picture, the others all of it, squashed into a square."""
    config = resolve_data_config(pretrained_cfg=timm.get_pretrained_cfg(name).to_dict())
    transform = create_transform(**config, is_training=False)
    frame = np.random.default_rng(0).integers(0, 256, (90, 160, 3), np.uint8)
    expected = transform(Image.fromarray(frame))
    found = timm_preprocess(name)(torch.from_numpy(frame[None]))[0]
    assert (config["crop_mode"] == "squash") == ("384" in name)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_values_are_normalised_by_channel() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    grey = torch.from_numpy(by_torchvision(frame, 64, 56, "bilinear").copy()).permute(2, 0, 1)
    expected = (grey / 255 - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
    out = Preprocess(64, 56, MEAN, STD)(torch.from_numpy(frame[None]))
    assert out.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(out[0], expected, rtol=1e-5, atol=1e-5)


def test_a_frame_does_not_depend_on_its_neighbours() -> None:
    frames = torch.randint(0, 256, (3, 48, 64, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    preprocess = Preprocess(32, 28, MEAN, STD)
    together = preprocess(frames)
    assert all(torch.equal(preprocess(frames[i : i + 1])[0], together[i]) for i in range(3))


def test_settings_and_size() -> None:
    preprocess = Preprocess(256, 224, MEAN, STD, "bicubic")
    assert json.loads(json.dumps(preprocess.as_settings())) == {
        "resize": 256,
        "crop": 224,
        "mean": list(MEAN),
        "std": list(STD),
        "interpolation": "bicubic",
        "aspect": "kept",
        "rounding": "whole grey levels after each pass of the resize, as Pillow",
    }
    assert preprocess.for_size(112) == Preprocess(128, 112, MEAN, STD, "bicubic")
    with pytest.raises(ValueError, match="cannot cut"):
        Preprocess(200, 224, MEAN, STD)
