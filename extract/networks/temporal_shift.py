"""The temporal shift of TSM (Lin, Gan & Han, ICCV 2019) and where it goes into timm's networks.

An eighth of the channels takes its values from the next frame, an eighth from the frame before, the rest stays.
Neither weights nor checkpoints here, nor the one-way shift of online TSM.
"""

from timm.models import ResNet
from timm.models._efficientnet_blocks import InvertedResidual
from torch import Tensor, nn

FOLD_DIV = 8  # every released TSM checkpoint


def temporal_shift(x: Tensor, num_frames: int, fold_div: int = FOLD_DIV) -> Tensor:
    """Shift channels along time inside each clip; zeros come in at its ends and no clip sees another.

    The operator of mit-han-lab/temporal-shift-module, ops/temporal_shift.py.

    Args:
        x: (B*F, C, H, W), clip-major: the F frames of a clip are consecutive rows.
        num_frames: F.
        fold_div: C // fold_div channels come from frame t+1, the next C // fold_div from frame t-1.

    Returns:
        (B*F, C, H, W) in the memory format of `x`, which is left as it is.
    """
    fold = x.shape[1] // fold_div
    shifted = x.clone()
    before = x.view(-1, num_frames, *x.shape[1:])  # (B, F, C, H, W)
    after = shifted.view(before.shape)
    after[:, :-1, :fold] = before[:, 1:, :fold]
    after[:, -1, :fold] = 0
    after[:, 1:, fold : 2 * fold] = before[:, :-1, fold : 2 * fold]
    after[:, 0, fold : 2 * fold] = 0
    return shifted


class TemporalShift(nn.Module):
    """A convolution that sees shifted channels; it keeps its weights under `.net`, as TSM's checkpoints do."""

    def __init__(self, net: nn.Module, num_frames: int) -> None:
        super().__init__()
        self.net = net
        self.num_frames = num_frames

    def forward(self, x: Tensor) -> Tensor:
        """(B*F, C, H, W) → what the convolution makes of it."""
        out: Tensor = self.net(temporal_shift(x, self.num_frames))
        return out


def insert_temporal_shift(network: nn.Module, num_frames: int) -> None:
    """Wrap the first convolution of residual branches in place; the identity path sees unshifted frames.

    ResNet: conv1 of every block ("blockres"), of every other block where layer3 has 23 blocks or more
    (ResNet-101 and deeper). MobileNetV2: the expanding 1x1 convolution of each block with a skip connection.
    Source: mit-han-lab/temporal-shift-module, ops/temporal_shift.py and ops/models.py.

    Args:
        network: a timm ResNet or MobileNetV2, not shifted yet.
        num_frames: frames per clip.
    """
    if isinstance(network, ResNet):
        step = 2 if len(list(network.get_submodule("layer3").children())) >= 23 else 1
        for layer in ("layer1", "layer2", "layer3", "layer4"):
            for block in list(network.get_submodule(layer).children())[::step]:
                block.conv1 = TemporalShift(block.get_submodule("conv1"), num_frames)
    else:
        for block in network.modules():
            if isinstance(block, InvertedResidual) and block.has_skip:
                block.conv_pw = TemporalShift(block.conv_pw, num_frames)
