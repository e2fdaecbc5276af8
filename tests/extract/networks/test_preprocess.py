"""Preprocessing against PIL, the reference of the published checkpoints."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from extract.networks.preprocess import Interpolation, Preprocess

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def by_pil(frame: np.ndarray, resize: int, crop: int, filter_: Image.Resampling) -> np.ndarray:
    """Resize the short side and cut the centre, in grey levels; torchvision's rounding."""
    height, width = frame.shape[:2]
    if width <= height:
        width, height = resize, int(resize * height / width)
    else:
        width, height = int(resize * width / height), resize
    image = Image.fromarray(frame).resize((width, height), filter_)
    top, left = round((height - crop) / 2.0), round((width - crop) / 2.0)
    return np.asarray(image.crop((left, top, left + crop, top + crop)))


SIZES = [(240, 320), (320, 240), (2, 2), (37, 53), (481, 270), (256, 256), (1, 7), (256, 455), (300, 301)]


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_agrees_with_pil(interpolation: Interpolation, height: int, width: int) -> None:
    noise = np.random.default_rng(height * width)  # hard edges everywhere: the worst case
    frames = np.stack(
        [
            noise.integers(0, 256, (height, width, 3), dtype=np.uint8),
            noise.choice(np.array([0, 255], dtype=np.uint8), (height, width, 3)),
        ]
    )
    preprocess = Preprocess(64, 56, MEAN, STD, interpolation)
    out = preprocess(torch.from_numpy(frames))
    assert out.shape == (2, 3, 56, 56) and out.dtype == torch.float32
    grey = (out * torch.tensor(STD)[:, None, None] + torch.tensor(MEAN)[:, None, None]) * 255
    filter_ = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}[interpolation]
    expected = np.stack([by_pil(frame, 64, 56, filter_) for frame in frames]).astype(np.float32)
    ours = grey.permute(0, 2, 3, 1).numpy()
    assert np.abs(ours.round() - expected).max() <= 1
    assert np.abs(ours - expected).mean() <= 0.35


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
    }
    assert preprocess.for_size(112) == Preprocess(128, 112, MEAN, STD, "bicubic")
    with pytest.raises(ValueError, match="cannot cut"):
        Preprocess(200, 224, MEAN, STD)
