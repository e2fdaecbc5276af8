"""X3D (Feichtenhofer, CVPR 2020, arXiv 2004.04730): a residual network of thin 3-D convolutions.

Its modules have the names of PyTorchVideo's checkpoints (facebookresearch/pytorchvideo, models/x3d.py), in which the
stem's spatial convolution is called `conv_t` and its temporal one `conv_xy`.
"""

from dataclasses import dataclass

from torch import Tensor, nn

from extract.networks.video.segments import as_videos


@dataclass(frozen=True)
class X3dStage:
    """A stage of residual blocks, of which the first halves height and width.

    Attributes:
        blocks: how many.
        width: the channels of their outputs.
        inner: the channels between their pointwise convolutions.
        squeeze: the channels of the squeeze and excitation, which every other block has, from the first on.
    """

    blocks: int
    width: int
    inner: int
    squeeze: int


class X3d(nn.Module):
    """The network without its classifier.

    Args:
        num_frames: F.
        stages: of X3D's four.
        stem: the channels of the stem.
        feature_dim: D.
    """

    def __init__(self, num_frames: int, stages: tuple[X3dStage, ...], stem: int = 24, feature_dim: int = 2048) -> None:
        super().__init__()
        self.num_frames = num_frames
        inputs = [stem, *(stage.width for stage in stages)]
        self.blocks = nn.ModuleList(
            [_Stem(stem), *map(_Stage, inputs, stages), _Head(stages[-1].width, stages[-1].inner, feature_dim)]
        )

    def forward(self, images: Tensor) -> Tensor:
        """(B·F, 3, H, W) → (B, D)."""
        x = as_videos(images, self.num_frames)
        for block in self.blocks:
            x = block(x)
        return x.mean((2, 3, 4))


class _Stem(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Sequential()
        self.conv.add_module("conv_t", nn.Conv3d(3, width, (1, 3, 3), (1, 2, 2), (0, 1, 1), bias=False))
        temporal = nn.Conv3d(width, width, (5, 1, 1), padding=(2, 0, 0), groups=width, bias=False)
        self.conv.add_module("conv_xy", temporal)
        self.norm = nn.BatchNorm3d(width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(self.conv(x)).relu()
        return out


class _Stage(nn.Module):
    def __init__(self, width_before: int, stage: X3dStage) -> None:
        super().__init__()
        self.res_blocks = nn.ModuleList(
            _Block(stage.width if number else width_before, stage, first=number == 0, excited=number % 2 == 0)
            for number in range(stage.blocks)
        )

    def forward(self, x: Tensor) -> Tensor:
        for block in self.res_blocks:
            x = block(x)
        return x


class _Block(nn.Module):
    def __init__(self, width_before: int, stage: X3dStage, first: bool, excited: bool) -> None:
        super().__init__()
        stride = (1, 2, 2) if first else (1, 1, 1)
        self.branch1_conv, self.branch1_norm = None, None
        if first:
            self.branch1_conv = nn.Conv3d(width_before, stage.width, 1, stride, bias=False)
            if width_before != stage.width:
                self.branch1_norm = nn.BatchNorm3d(stage.width)
        self.branch2 = _Bottleneck(width_before, stage, stride, excited)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.branch1_conv is None else self.branch1_conv(x)
        if self.branch1_norm is not None:
            shortcut = self.branch1_norm(shortcut)
        out: Tensor = (shortcut + self.branch2(x)).relu()
        return out


class _Bottleneck(nn.Module):
    def __init__(self, width_before: int, stage: X3dStage, stride: tuple[int, int, int], excited: bool) -> None:
        super().__init__()
        inner = stage.inner
        self.conv_a = nn.Conv3d(width_before, inner, 1, bias=False)
        self.norm_a = nn.BatchNorm3d(inner)
        self.conv_b = nn.Conv3d(inner, inner, 3, stride, 1, groups=inner, bias=False)
        excitation = _Excitation(inner, stage.squeeze) if excited else nn.Identity()
        self.norm_b = nn.Sequential(nn.BatchNorm3d(inner), excitation)
        self.conv_c = nn.Conv3d(inner, stage.width, 1, bias=False)
        self.norm_c = nn.BatchNorm3d(stage.width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm_a(self.conv_a(x)).relu()
        x = nn.functional.silu(self.norm_b(self.conv_b(x)))
        out: Tensor = self.norm_c(self.conv_c(x))
        return out


class _Excitation(nn.Module):
    def __init__(self, width: int, squeeze: int) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Conv3d(width, squeeze, 1), nn.ReLU(), nn.Conv3d(squeeze, width, 1), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x * self.block(x.mean((2, 3, 4), keepdim=True))
        return out


class _Head(nn.Module):
    """The released head averages over windows of the size that it was trained with; here the window is the image."""

    def __init__(self, width_before: int, inner: int, feature_dim: int) -> None:
        super().__init__()
        self.pool = _ProjectedPool(width_before, inner, feature_dim)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.pool(x)
        return out


class _ProjectedPool(nn.Module):
    def __init__(self, width_before: int, inner: int, feature_dim: int) -> None:
        super().__init__()
        self.pre_conv = nn.Conv3d(width_before, inner, 1, bias=False)
        self.pre_norm = nn.BatchNorm3d(inner)
        self.post_conv = nn.Conv3d(inner, feature_dim, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        pooled = self.pre_norm(self.pre_conv(x)).relu().mean((2, 3, 4), keepdim=True)
        out: Tensor = self.post_conv(pooled).relu()
        return out
