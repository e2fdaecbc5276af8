"""The temporal shift of TSM (Lin, Gan & Han, ICCV 2019), and its insertion into timm's networks.

An eighth of the channels takes its values from the next frame, an eighth from the previous frame, and the others stay.
In the one-way form of online TSM an eighth takes its values from the previous frame, and no channel from the next one.
"""

from typing import Literal

import torch
from torch import Tensor, nn

_is_exporting = getattr(torch.compiler, "is_exporting", torch.compiler.is_compiling)  # the former since torch 2.7
FOLD_DIV = 8  # in every released TSM checkpoint
Directions = Literal["both", "previous"]  # the frames that channels come from: the neighbours, or the previous one


def temporal_shift(x: Tensor, num_frames: int, fold_div: int = FOLD_DIV) -> Tensor:
    """Shift channels along time within each clip. Zeros are shifted in at its ends, and clips are not mixed.

    Source: mit-han-lab/temporal-shift-module, ops/temporal_shift.py.

    Args:
        x: (B*F, C, H, W); the F frames of a clip are consecutive.
        num_frames: F.
        fold_div: C // fold_div channels come from frame t+1, the next C // fold_div from frame t-1.

    Returns:
        (B*F, C, H, W) in the memory format of `x`, which is not changed.
    """
    fold = x.shape[1] // fold_div
    if _is_exporting():
        return _shift_in_graph(x, num_frames, fold)
    shifted = x.clone()
    before = x.view(-1, num_frames, *x.shape[1:])  # (B, F, C, H, W)
    after = shifted.view(before.shape)
    after[:, :-1, :fold] = before[:, 1:, :fold]
    after[:, -1, :fold] = 0
    after[:, 1:, fold : 2 * fold] = before[:, :-1, fold : 2 * fold]
    after[:, 0, fold : 2 * fold] = 0
    return shifted


def _shift_in_graph(x: Tensor, num_frames: int, fold: int) -> Tensor:
    """Return what `temporal_shift` returns, without assignments to slices and without a fifth dimension.

    In an exported graph both would cost a change of the memory's layout: OpenVINO computes TSM-ResNet-50 1.3 times as
    fast with this form. torch is faster with the other one.
    """
    frame = _frame_numbers(x, num_frames)
    after = (frame < num_frames - 1).to(x.dtype)  # whether there is such a frame
    from_next, from_previous, same = torch.split(x, [fold, fold, x.shape[1] - 2 * fold], 1)
    from_next = torch.cat([from_next[1:], from_next[:1]]) * after
    return torch.cat([from_next, _from_previous(from_previous, frame), same], 1)


def one_way_shift(x: Tensor, num_frames: int, fold_div: int = FOLD_DIV) -> Tensor:
    """Shift channels from each frame of a clip to the next. Zeros are shifted in at its start; clips are not mixed.

    Source: mit-han-lab/temporal-shift-module, online_demo/mobilenet_v2_tsm.py, which has one frame at a time.

    Args:
        x: (B*F, C, H, W); the F frames of a clip are consecutive.
        num_frames: F.
        fold_div: the first C // fold_div channels come from frame t-1.

    Returns:
        (B*F, C, H, W) in the memory format of `x`, which is not changed.
    """
    fold = x.shape[1] // fold_div
    if _is_exporting():
        moved, same = torch.split(x, [fold, x.shape[1] - fold], 1)
        return torch.cat([_from_previous(moved, _frame_numbers(x, num_frames)), same], 1)
    shifted = x.clone()
    before = x.view(-1, num_frames, *x.shape[1:])  # (B, F, C, H, W)
    after = shifted.view(before.shape)
    after[:, 1:, :fold] = before[:, :-1, :fold]
    after[:, 0, :fold] = 0
    return shifted


def _frame_numbers(x: Tensor, num_frames: int) -> Tensor:
    """Return the number of each image in its clip, (B*F, 1, 1, 1). The size of the batch may be unknown in a graph."""
    return torch.arange(x.shape[0], device=x.device).remainder(num_frames).view(-1, 1, 1, 1)


def _from_previous(channels: Tensor, frame: Tensor) -> Tensor:
    """Return the channels (B*F, c, H, W) of the previous frame, and zeros for the first frame of a clip."""
    return torch.cat([channels[-1:], channels[:-1]]) * (frame > 0).to(channels.dtype)


class TemporalShift(nn.Module):
    """A convolution on shifted channels. Its weights have names with `.net`, as in TSM's checkpoints.

    Args:
        net: the convolution.
        num_frames: F, the frames of a clip.
        directions: "both" for `temporal_shift`, "previous" for `one_way_shift`.
    """

    def __init__(self, net: nn.Module, num_frames: int, directions: Directions = "both") -> None:
        super().__init__()
        self.net = net
        self.num_frames = num_frames
        self.directions = directions

    def forward(self, x: Tensor) -> Tensor:
        """(B*F, C, H, W) → the convolution's output on the shifted channels."""
        shift = temporal_shift if self.directions == "both" else one_way_shift
        out: Tensor = self.net(shift(x, self.num_frames))
        return out


def insert_temporal_shift(network: nn.Module, num_frames: int, directions: Directions = "both") -> None:
    """Insert the shift before the first convolution of residual branches, in place. The identity path is not shifted.

    In a ResNet that is conv1 of every block ("blockres"), or of every other block if layer3 has 23 blocks or more
    (ResNet-101 and deeper). In MobileNetV2 it is the expanding 1x1 convolution of each block with a skip connection.
    Source: mit-han-lab/temporal-shift-module, ops/temporal_shift.py and ops/models.py.

    Args:
        network: a timm ResNet or MobileNetV2 without a shift.
        num_frames: the frames of a clip.
        directions: as in `TemporalShift`.
    """
    from timm.models import ResNet  # timm takes two seconds to import
    from timm.models._efficientnet_blocks import InvertedResidual

    if isinstance(network, ResNet):
        step = 2 if len(list(network.get_submodule("layer3").children())) >= 23 else 1
        for layer in ("layer1", "layer2", "layer3", "layer4"):
            for block in list(network.get_submodule(layer).children())[::step]:
                block.conv1 = TemporalShift(block.get_submodule("conv1"), num_frames, directions)
    else:
        for block in network.modules():
            if isinstance(block, InvertedResidual) and block.has_skip:
                block.conv_pw = TemporalShift(block.conv_pw, num_frames, directions)
