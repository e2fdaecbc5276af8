"""The network of one frame: an image and what its predecessor left behind → a feature and what is left for the next.

It is made from a network whose channels shift from the previous frame only (online TSM), or from one that sees single
frames. The shifted channels of the previous frame are called buffers here. They are zeros before the first frame.
Source: mit-han-lab/temporal-shift-module, online_demo/mobilenet_v2_tsm.py.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from extract.networks.temporal_shift import FOLD_DIV, TemporalShift


@dataclass(eq=False)
class _Passing:
    """The buffers during one pass through the network, in the order in which the shifts are computed.

    It is no module, because an exported graph may not assign tensors to the attributes of a module.
    """

    given: list[Tensor] = field(default_factory=list)  # what is left of `FrameStep`'s arguments
    left: list[Tensor] = field(default_factory=list)  # for the next frame


class _BufferedShift(nn.Module):
    """A `TemporalShift` from the previous frame, for one frame at a time."""

    def __init__(self, net: nn.Module, passing: _Passing) -> None:
        super().__init__()
        self.net = net
        self.passing = passing

    def forward(self, x: Tensor) -> Tensor:
        fold = x.shape[1] // FOLD_DIV
        moved, same = torch.split(x, [fold, x.shape[1] - fold], 1)
        self.passing.left.append(moved)
        out: Tensor = self.net(torch.cat([self.passing.given.pop(0), same], 1))
        return out


class FrameStep(nn.Module):
    """A network for one frame after another.

    Args:
        network: (F, 3, H, W) → (F, D). It is changed: its shifts are replaced.
        image: an image (1, 3, H, W) of the size that the network gets, to find the shapes of the buffers.

    Attributes:
        zeros: the buffers before the first frame of a segment, each (1, C // 8, H', W').
    """

    def __init__(self, network: nn.Module, image: Tensor) -> None:
        super().__init__()
        self.network = network
        self.passing = _Passing()
        self.zeros = tuple(torch.zeros(shape) for shape in _buffer_shapes(network, image))
        shifts = [(name, module) for name, module in network.named_modules() if isinstance(module, TemporalShift)]
        for name, shift in shifts:
            network.set_submodule(name, _BufferedShift(shift.net, self.passing))

    def forward(self, image: Tensor, *buffers: Tensor) -> tuple[Tensor, ...]:
        """Return the feature (1, D) of an image (1, 3, H, W), then the buffers for the next frame."""
        self.passing.given, self.passing.left = list(buffers), []
        feature = self.network(image)
        return (feature, *self.passing.left)


@torch.no_grad()
def _buffer_shapes(network: nn.Module, image: Tensor) -> list[tuple[int, ...]]:
    """Return the shapes of the shifted channels of one frame, in the order in which the shifts are computed."""
    shapes: list[tuple[int, ...]] = []

    def note(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        _, channels, *size = inputs[0].shape
        shapes.append((1, channels // FOLD_DIV, *size))

    shifts = [module for module in network.modules() if isinstance(module, TemporalShift)]
    hooks = [module.register_forward_pre_hook(note) for module in shifts]
    try:
        network(image.expand(shifts[0].num_frames if shifts else 1, *image.shape[1:]))
    finally:
        for hook in hooks:
            hook.remove()
    return shapes
