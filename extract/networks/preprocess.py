"""From frames to the network's input: resize the short side, crop the centre, normalise; on a CPU or a GPU.

Sizes and crop are those of torchvision's Resize and CenterCrop, and grey levels are exactly Pillow's, because the
released networks were trained and measured on such images.
"""

from dataclasses import asdict, dataclass, replace

import torch
from torch import Tensor

from extract.networks.geometry import Aspect, Geometry
from extract.networks.pillow_weights import Interpolation
from extract.networks.resize import resize

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
    aspect: Aspect = "kept"

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
        return self.normalise(resize(frames, *self.geometry.axes(*frames.shape[1:3]), self.interpolation))

    def normalise(self, resized: Tensor) -> Tensor:
        """Turn frames that have the network's size into network input.

        Args:
            resized: (F, crop, crop, 3) uint8, RGB, on any device.

        Returns:
            (F, 3, crop, crop) float32 on the same device, channels last in memory.
        """
        grey = resized.flatten(2)  # (F, crop, crop·3)
        mean, std = (
            (255 * torch.tensor(values))
            .repeat(self.crop)
            .to(grey.device, non_blocking=True)  # without waiting for a GPU
            for values in (self.mean, self.std)
        )
        normalised = torch.empty(grey.shape, dtype=torch.float32, device=grey.device)
        at_once = max(len(grey), 1) if grey.is_cuda else 1  # on a CPU the float32 values of a frame fit its caches
        for levels, values in zip(torch.split(grey, at_once), torch.split(normalised, at_once), strict=True):
            torch.sub(levels, mean, out=values).div_(std)
        return normalised.view(resized.shape).permute(0, 3, 1, 2)

    @property
    def geometry(self) -> Geometry:
        """The part of this that decode workers can do."""
        return Geometry(self.resize, self.crop, self.interpolation, self.aspect)

    def for_size(self, crop: int) -> "Preprocess":
        """Return the same preprocessing for another crop, with `resize` in proportion."""
        return replace(self, resize=round(self.resize * crop / self.crop), crop=crop)

    def as_settings(self) -> dict[str, object]:
        """Return every value that decides the result, fit for JSON."""
        return {**asdict(self), "mean": list(self.mean), "std": list(self.std), "rounding": ROUNDING}
