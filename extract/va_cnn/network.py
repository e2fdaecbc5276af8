"""VA-CNN: a small branch looks at the picture of a skeleton and turns it to a better view; a large network classifies.

Zhang et al., View Adaptive Neural Networks for High Performance Skeleton-based Human Action Recognition (TPAMI 2019),
in the form of Microsoft's VA repository, transform_cnn.py. How it is trained stands beside this file.
"""

from collections.abc import Callable
from typing import Self

import torch
from torch import Tensor, nn

from extract.networks.timm_models import create_timm_model

GREY = 110.0  # what the repository subtracts from every channel
SCALE = 255.0


class ViewAdaptation(nn.Module):
    """Pictures to (B, 6): three angles in radians about x, y, z and a translation in metres. Zeros to begin with."""

    def __init__(self, image_size: int) -> None:
        super().__init__()
        # The repository's BatchNorm momentum 0.99 is Keras' value, which in torch means "follow the last batch";
        # 0.01 is what it was meant to be.
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
        """Look at pictures (B, 3, S, S) and return their view (B, 6)."""
        view: Tensor = self.view(self.convolutions(pictures))
        return view


class VaCnnNetwork(nn.Module):
    """View adaptation, then a timm model.

    Args:
        main: name of the timm model.
        num_classes: C; 0: no classifier, pooled features instead of logits.
        image_size: side of the pictures; at least 40, or the view branch has nothing left to look at.
        minimum: least coordinate of the training data, metres; from a file with the weights.
        maximum: greatest.
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
        """Classify pictures in metres (B, 3, S, S): logits (B, C), or features (B, D) where C is 0."""
        # The coordinates keep their own precision when the networks have half of it: eight bits would round them to
        # centimetres.
        precision = self.view_adaptation.view.weight.dtype
        grey = scale(pictures, self.minimum, self.maximum)
        view = self.view_adaptation((grey - GREY).to(precision)).to(grey.dtype)
        with torch.autocast(pictures.device.type, enabled=False):
            seen = change_view(grey, view, self.minimum, self.maximum) - GREY
        logits: Tensor = self.main(seen.to(precision))
        return logits

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        # How torch moves and casts a module: the extremes are moved only.
        extremes = self.minimum, self.maximum
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self.minimum, self.maximum = (
            exact.to(cast.device) for exact, cast in zip(extremes, (self.minimum, self.maximum), strict=True)
        )
        return self


def scale(pictures: Tensor, minimum: Tensor, maximum: Tensor) -> Tensor:
    """From metres to 0…255, by the training data's extremes (test data may lie outside)."""
    return SCALE * (pictures - minimum) / (maximum - minimum)


def change_view(grey: Tensor, view: Tensor, minimum: Tensor, maximum: Tensor) -> Tensor:
    """Turn and shift the skeletons in pictures as if their joints J had become R(J + t) before they were scaled.

    On a picture v of 0…255 that is R·v + 255 (R(m + t) - m) / (M - m) (facts of the VA repository, exact).

    Args:
        grey: (B, 3, S, S), 0…255.
        view: (B, 6): angles, then t in metres.
        minimum: m.
        maximum: M.
    """
    rotation = rotations(view[:, :3])  # (B, 3, 3)
    corner = minimum + view[:, 3:]  # (B, 3)
    shift = SCALE * (torch.einsum("bij,bj->bi", rotation, corner) - minimum) / (maximum - minimum)
    return torch.einsum("bij,bjhw->bihw", rotation, grey) + shift[:, :, None, None]


def rotations(angles: Tensor) -> Tensor:
    """Rz(γ) Ry(β) Rx(α), clockwise, of angles (B, 3) = (α, β, γ) in radians: (B, 3, 3)."""
    (ca, cb, cc), (sa, sb, sc) = angles.cos().unbind(1), angles.sin().unbind(1)
    zero, one = torch.zeros_like(ca), torch.ones_like(ca)

    def matrix(*entries: Tensor) -> Tensor:
        return torch.stack(entries, 1).view(-1, 3, 3)

    about_x = matrix(one, zero, zero, zero, ca, sa, zero, -sa, ca)
    about_y = matrix(cb, zero, -sb, zero, one, zero, sb, zero, cb)
    about_z = matrix(cc, sc, zero, -sc, cc, zero, zero, zero, one)
    return about_z @ about_y @ about_x
