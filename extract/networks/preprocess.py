"""Frames to network input: resize the short side, cut the centre, normalise. On CPU or GPU, all frames at once.

Agrees with torchvision's Resize and CenterCrop on PIL images to one grey level. No decoding, no augmentation.
"""

from dataclasses import asdict, dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Interpolation = Literal["bilinear", "bicubic"]


@dataclass(frozen=True)
class Preprocess:
    """What is done to a frame before a network sees it.

    Attributes:
        resize: length of the short side after resizing; the aspect is kept.
        crop: side of the central square, at most `resize`.
        mean: per channel, of values in 0…1.
        std: per channel.
        interpolation: of the antialiased resize.
    """

    resize: int
    crop: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: Interpolation = "bilinear"

    def __post_init__(self) -> None:
        if not 1 <= self.crop <= self.resize:
            raise ValueError(f"cannot cut a square of {self.crop} pixels out of a short side of {self.resize}")

    def __call__(self, frames: Tensor) -> Tensor:
        """Turn frames into network input.

        Args:
            frames: (F, H, W, 3) uint8, RGB, on any device.

        Returns:
            (F, 3, crop, crop) float32 on the same device.
        """
        x = frames.permute(0, 3, 1, 2).float()  # (F, 3, H, W), 0…255
        height, width = x.shape[2:]
        short = min(height, width)
        size = (self.resize * height // short, self.resize * width // short)
        x = self._interpolate(x, (height, size[1]))  # columns, then rows, as PIL does it: it clamps in between
        x = self._interpolate(x, size)
        top, left = (round((side - self.crop) / 2) for side in size)
        x = x[:, :, top : top + self.crop, left : left + self.crop]
        mean, std = (
            (255 * torch.tensor(values))[:, None, None].to(x.device, non_blocking=True)  # a GPU is not waited for
            for values in (self.mean, self.std)
        )
        return (x - mean) / std

    def for_size(self, crop: int) -> "Preprocess":
        """Return the same for another crop, `resize` in proportion."""
        return Preprocess(round(self.resize * crop / self.crop), crop, self.mean, self.std, self.interpolation)

    def as_settings(self) -> dict[str, object]:
        """Return every value that decides the result, fit for JSON."""
        return {**asdict(self), "mean": list(self.mean), "std": list(self.std)}

    def _interpolate(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        if x.shape[2:] == size:
            return x
        x = F.interpolate(x, size, mode=self.interpolation, align_corners=False, antialias=True)
        return x.clamp(0, 255)  # bicubic overshoots at edges; an image does not
