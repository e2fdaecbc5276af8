"""From frames to the network's input: resize the short side, crop the centre, normalise; on a CPU or a GPU.

Sizes and crop are those of torchvision's Resize and CenterCrop, and grey levels are exactly Pillow's, because the
released networks were trained and measured on such images.
"""

from dataclasses import asdict, dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from extract.networks.resize import Axis, Interpolation, resize

# In caches that do not have this setting, grey levels kept their fractions.
ROUNDING = "whole grey levels after each pass of the resize, as Pillow"


@dataclass(frozen=True)
class Preprocess:
    """What is done to a frame before a network sees it.

    Attributes:
        resize: the length after resizing, of the short side if the aspect is kept, else of both sides.
        crop: the side of the central square, at most `resize`.
        mean: for each channel, of values in 0…1.
        std: for each channel.
        interpolation: the filter of the antialiased resize.
        aspect: "squashed" as timm's crop mode "squash": the whole frame becomes a square.
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
            (255 * torch.tensor(values))
            .repeat(self.crop)
            .to(grey.device, non_blocking=True)  # without waiting for a GPU
            for values in (self.mean, self.std)
        )
        normalised = grey.float().sub_(mean).div_(std)
        return normalised.view(len(frames), self.crop, self.crop, 3).permute(0, 3, 1, 2)

    def for_size(self, crop: int) -> "Preprocess":
        """Return the same preprocessing for another crop, with `resize` in proportion."""
        return replace(self, resize=round(self.resize * crop / self.crop), crop=crop)

    def as_settings(self) -> dict[str, object]:
        """Return every value that decides the result, fit for JSON."""
        return {**asdict(self), "mean": list(self.mean), "std": list(self.std), "rounding": ROUNDING}

    def _axis(self, side: int, short: int) -> Axis:
        """Return the resize of a side of a frame whose shorter side has `short` pixels."""
        resized = self.resize * side // short if self.aspect == "kept" else self.resize
        return Axis(side, resized, round((resized - self.crop) / 2), self.crop)
