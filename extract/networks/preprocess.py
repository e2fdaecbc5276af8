"""Frames to network input: resize the short side, cut the centre, normalise. On CPU or GPU, many frames at once.

Sizes and the crop are torchvision's Resize and CenterCrop, grey levels are Pillow's to the bit: the released networks
were trained and measured on pictures made so. No decoding, no augmentation.
"""

from dataclasses import asdict, dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from extract.networks.resize import Axis, Interpolation, resize

# Caches made before this was a setting hold features of pictures whose grey levels kept their fractions.
ROUNDING = "whole grey levels after each pass of the resize, as Pillow"


@dataclass(frozen=True)
class Preprocess:
    """What is done to a frame before a network sees it.

    Attributes:
        resize: length after resizing, of the short side where the aspect is kept, else of both sides.
        crop: side of the central square, at most `resize`.
        mean: per channel, of values in 0…1.
        std: per channel.
        interpolation: of the antialiased resize.
        aspect: "squashed" as timm's crop mode "squash": the whole picture becomes a square.
    """

    resize: int
    crop: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: Interpolation = "bilinear"
    aspect: Literal["kept", "squashed"] = "kept"

    def __post_init__(self) -> None:
        if not 1 <= self.crop <= self.resize:
            raise ValueError(f"cannot cut a square of {self.crop} pixels out of a short side of {self.resize}")

    def __call__(self, frames: Tensor) -> Tensor:
        """Turn frames into network input.

        Args:
            frames: (F, H, W, 3) uint8, RGB, on any device.

        Returns:
            (F, 3, crop, crop) float32 on the same device, channels last in memory.
        """
        sides = frames.shape[1:3]
        rows, columns = (self._axis(side, min(sides)) for side in sides)
        grey = resize(frames, rows, columns, self.interpolation).flatten(2)  # (F, crop, crop·3)
        mean, std = (
            (255 * torch.tensor(values)).repeat(self.crop).to(grey.device, non_blocking=True)  # a GPU is not waited for
            for values in (self.mean, self.std)
        )
        normalised = grey.float().sub_(mean).div_(std)
        return normalised.view(len(frames), self.crop, self.crop, 3).permute(0, 3, 1, 2)

    def for_size(self, crop: int) -> "Preprocess":
        """Return the same for another crop, `resize` in proportion."""
        return replace(self, resize=round(self.resize * crop / self.crop), crop=crop)

    def as_settings(self) -> dict[str, object]:
        """Return every value that decides the result, fit for JSON."""
        return {**asdict(self), "mean": list(self.mean), "std": list(self.std), "rounding": ROUNDING}

    def _axis(self, side: int, short: int) -> Axis:
        """Return where one side of a frame goes whose shorter side is `short` pixels long."""
        resized = self.resize * side // short if self.aspect == "kept" else self.resize
        return Axis(side, resized, round((resized - self.crop) / 2), self.crop)
