"""Which part of a frame a network sees, and at which size: those of torchvision's Resize and CenterCrop."""

from dataclasses import dataclass
from typing import Literal

from extract.networks.pillow_weights import Axis, Interpolation

Aspect = Literal["kept", "squashed"]


@dataclass(frozen=True)
class Geometry:
    """The resize of a frame and its central square.

    Attributes:
        resize: the length after resizing, of the short side if the aspect is kept, else of both sides.
        crop: the side of the central square, at most `resize`.
        interpolation: the filter of the antialiased resize.
        aspect: "squashed" as timm's crop mode "squash": the whole frame becomes a square.
    """

    resize: int
    crop: int
    interpolation: Interpolation
    aspect: Aspect

    def axes(self, height: int, width: int) -> tuple[Axis, Axis]:
        """Return the resize of the rows and of the columns of a frame."""
        short = min(height, width)
        return self._axis(height, short), self._axis(width, short)

    def _axis(self, side: int, short: int) -> Axis:
        """Return the resize of a side of a frame whose shorter side has `short` pixels."""
        resized = self.resize * side // short if self.aspect == "kept" else self.resize
        return Axis(side, resized, round((resized - self.crop) / 2), self.crop)
