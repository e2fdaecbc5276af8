"""Non-local blocks (Wang et al., CVPR 2018), as in the one released TSM that has them ("dense_nl").

They are of the embedded Gaussian kind: a softmax over all positions of a clip, without a scale. The dot-product and
Gaussian variants of MMAction2 are not supported.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PLACES = {"layer2": (0, 2), "layer3": (0, 2, 4)}  # blocks of ResNet-50; ops/non_local.py, make_non_local


class NonLocal(nn.Module):
    """z = x + BN(W y), y = softmax(theta(x)ᵀ phi(x)) g(x); phi and g are max-pooled 2x2 in space.

    Source: mit-han-lab/temporal-shift-module, ops/non_local.py (embedded Gaussian, sub-sampled, with BN).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.theta = nn.Conv3d(channels, channels // 2, 1)
        self.phi = nn.Conv3d(channels, channels // 2, 1)
        self.g = nn.Conv3d(channels, channels // 2, 1)
        self.w = nn.Conv3d(channels // 2, channels, 1)
        self.norm = nn.BatchNorm3d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, F, H, W) → the same shape."""
        theta = self.theta(x).flatten(2)  # (B, C/2, FHW)
        phi = F.max_pool3d(self.phi(x), (1, 2, 2)).flatten(2)  # (B, C/2, FHW/4)
        g = F.max_pool3d(self.g(x), (1, 2, 2)).flatten(2)
        attention = torch.softmax(theta.transpose(1, 2) @ phi, dim=-1)  # (B, FHW, FHW/4)
        y = (g @ attention.transpose(1, 2)).reshape(theta.shape[:2] + x.shape[2:])
        z: Tensor = self.norm(self.w(y)) + x
        return z


class NonLocalBlock(nn.Module):
    """A residual block, followed by a non-local block over all frames of a clip."""

    def __init__(self, block: nn.Module, channels: int, num_frames: int) -> None:
        super().__init__()
        self.block = block
        self.nl = NonLocal(channels)
        self.num_frames = num_frames

    def forward(self, x: Tensor) -> Tensor:
        """(B*F, C, H, W) → (B*F, C', H', W')."""
        x = self.block(x)
        clips = x.reshape(-1, self.num_frames, *x.shape[1:]).transpose(1, 2)  # (B, C, F, H, W)
        out: Tensor = self.nl(clips).transpose(1, 2).flatten(0, 1)
        return out


def insert_non_local(network: nn.Module, num_frames: int) -> None:
    """Put the five non-local blocks of TSM's "dense_nl" checkpoint into a timm ResNet-50, in place."""
    for layer, places in PLACES.items():
        blocks = network.get_submodule(layer)
        assert isinstance(blocks, nn.Sequential)
        for place in places:
            channels = blocks[place].get_submodule("bn3").num_features
            assert isinstance(channels, int)
            blocks[place] = NonLocalBlock(blocks[place], channels, num_frames)
