"""VA-CNN: a small network turns the skeleton in an image to a better view, and a large network classifies the image.

Zhang et al., View Adaptive Neural Networks for High Performance Skeleton-based Human Action Recognition (TPAMI 2019),
as in Microsoft's VA repository, transform_cnn.py. The training is in `extract.va_cnn.training`.
"""

from collections.abc import Callable
from typing import Self

import torch
from torch import Tensor, nn

from extract.networks.timm_models import create_timm_model

GREY = 110.0  # the VA repository subtracts it from every channel
SCALE = 255.0


class ViewAdaptation(nn.Module):
    """The small network: from images to (B, 6), three angles about x, y, z in radians and a translation in metres.

    All six are zero before the training.

    Args:
        image_size: the side of the images.
    """

    def __init__(self, image_size: int) -> None:
        super().__init__()
        # The VA repository has the BatchNorm momentum 0.99. That is Keras' value; torch's value for the same is 0.01.
        self.convolutions = nn.Sequential(
            nn.Conv2d(3, 128, 5, stride=2, bias=False),
            nn.BatchNorm2d(128, eps=1e-3, momentum=0.01),
            nn.ReLU(),
            nn.Conv2d(128, 128, 5, stride=2, bias=False),
            nn.BatchNorm2d(128, eps=1e-3, momentum=0.01),
            nn.ReLU(),
            nn.MaxPool2d(7),
            nn.Flatten(),
        )
        for module in self.convolutions:
            if isinstance(module, nn.Conv2d):
                nn.init.xavier_uniform_(module.weight)
        side = ((image_size - 3) // 2 - 3) // 2 // 7  # 224 → 110 → 53 → 7
        self.view = nn.Linear(128 * side * side, 6)
        nn.init.zeros_(self.view.weight)
        nn.init.zeros_(self.view.bias)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the views (B, 6) of images (B, 3, S, S)."""
        view: Tensor = self.view(self.convolutions(pictures))
        return view


class VaCnnNetwork(nn.Module):
    """View adaptation, then a timm model.

    Args:
        main: the name of the timm model.
        num_classes: C; 0: there is no classifier, and the network gives pooled features instead of logits.
        image_size: the side S of the images, at least 40; the layers of the small network need that much.
        minimum: the smallest coordinate of the training data, in metres. A file of weights contains it.
        maximum: the largest coordinate, likewise.
    """

    minimum: Tensor
    maximum: Tensor

    def __init__(
        self, main: str, num_classes: int, image_size: int, minimum: float = -1.0, maximum: float = 1.0
    ) -> None:
        super().__init__()
        self.view_adaptation = ViewAdaptation(image_size)
        self.main = create_timm_model(main, num_classes)
        self.register_buffer("minimum", torch.tensor(minimum))
        self.register_buffer("maximum", torch.tensor(maximum))

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the logits (B, C) of images in metres (B, 3, S, S), or their features (B, D) if C is 0."""
        # The coordinates stay float32 if the networks have half precision: bf16, with eight bits, would round them to
        # centimetres.
        precision = self.view_adaptation.view.weight.dtype
        grey = scale(pictures, self.minimum, self.maximum)
        view = self.view_adaptation((grey - GREY).to(precision)).to(grey.dtype)
        with torch.autocast(pictures.device.type, enabled=False):
            seen = change_view(grey, view, self.minimum, self.maximum) - GREY
        logits: Tensor = self.main(seen.to(precision))
        return logits

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        # torch calls this to move and to cast a module. The minimum and maximum are moved, and never cast.
        extremes = self.minimum, self.maximum
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self.minimum, self.maximum = (
            exact.to(cast.device) for exact, cast in zip(extremes, (self.minimum, self.maximum), strict=True)
        )
        return self


def scale(pictures: Tensor, minimum: Tensor, maximum: Tensor) -> Tensor:
    """Return metres as 0…255, between the minimum and maximum of the training data. Test data may lie outside."""
    return SCALE * (pictures - minimum) / (maximum - minimum)


def change_view(grey: Tensor, view: Tensor, minimum: Tensor, maximum: Tensor) -> Tensor:
    """Turn and shift the skeletons in images, as if their joints J had become R(J + t) before `scale`.

    For a pixel v that is R·v + 255 (R(m + t) - m) / (M - m), as in the VA repository, transform_cnn.py.

    Args:
        grey: (B, 3, S, S), 0…255.
        view: (B, 6): the angles of R, then t in metres.
        minimum: m.
        maximum: M.

    Returns:
        (B, 3, S, S), 0…255.
    """
    rotation = rotations(view[:, :3])  # (B, 3, 3)
    corner = minimum + view[:, 3:]  # (B, 3)
    shift = SCALE * (torch.einsum("bij,bj->bi", rotation, corner) - minimum) / (maximum - minimum)
    return torch.einsum("bij,bjhw->bihw", rotation, grey) + shift[:, :, None, None]


def rotations(angles: Tensor) -> Tensor:
    """Return the matrices Rz(γ) Ry(β) Rx(α), (B, 3, 3), clockwise, for angles (B, 3) = (α, β, γ) in radians."""
    (ca, cb, cc), (sa, sb, sc) = angles.cos().unbind(1), angles.sin().unbind(1)
    zero, one = torch.zeros_like(ca), torch.ones_like(ca)

    def matrix(*entries: Tensor) -> Tensor:
        return torch.stack(entries, 1).view(-1, 3, 3)

    about_x = matrix(one, zero, zero, zero, ca, sa, zero, -sa, ca)
    about_y = matrix(cb, zero, -sb, zero, one, zero, sb, zero, cb)
    about_z = matrix(cc, sc, zero, -sc, cc, zero, zero, zero, one)
    return about_z @ about_y @ about_x
