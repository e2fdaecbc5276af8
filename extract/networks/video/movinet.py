"""MoViNet in its stream form (Kondratyuk et al., CVPR 2021, arXiv 2103.11511): no frame depends on a later one.

A convolution along time sees the frames before, zeros before the first one, and pooling along time is the mean of all
frames so far. So the frames of a clip are computed together, and each is what a stream would give. `movinet_step` has
the network of one frame for streams. The modules have the names of the PyTorch port's checkpoints
(Atze00/MoViNet-pytorch), which hold the released weights of tensorflow/models, official/projects/movinet.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

EPSILON = 1e-3  # of the normalisations in the training
SQUEEZE = 4
HALVED = (True, True, True, False, True)  # the stages that halve height and width


@dataclass(frozen=True)
class MovinetSize:
    """The size of a MoViNet.

    Attributes:
        stem: the channels of the first convolution.
        stages: for each stage the channels of its outputs, and for each of its blocks the channels inside, the length
            of the kernel along time and its side.
        head: the channels before the pooling.
    """

    stem: int
    stages: tuple[tuple[int, tuple[tuple[int, int, int], ...]], ...]
    head: int


@dataclass(eq=False)
class Past:
    """The frames of one pass, and in a stream what is left of the frames before them, in the order of its use.

    It is no module, because an exported graph may not assign tensors to the attributes of a module.

    Attributes:
        frames: how many frames of each clip the pass has.
        count: how many frames of each clip were before, (K, 1, 1); None: it is no stream, and nothing was before.
        given: of the frames before; empty before the first frame of one clip.
        left: for the next frames.
    """

    frames: int
    count: Tensor | None = None
    given: list[Tensor] = field(default_factory=list)
    left: list[Tensor] = field(default_factory=list)

    def take(self, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """Return what is left of the frames before, or zeros of this shape."""
        return self.given.pop(0) if self.given else like.new_zeros(shape)


class Movinet(nn.Module):
    """The network without its classifier.

    Args:
        size: its size.
        num_segments: N.
        num_frames: F.
        feature_dim: D.
    """

    def __init__(self, size: MovinetSize, num_segments: int, num_frames: int, feature_dim: int = 2048) -> None:
        super().__init__()
        self.num_segments, self.num_frames = num_segments, num_frames
        self.conv1 = _Convolution(3, size.stem, side=3, stride=2)
        self.blocks = nn.Sequential()
        before = size.stem
        for stage, ((width, blocks), halved) in enumerate(zip(size.stages, HALVED, strict=True)):
            for number, (inner, length, side) in enumerate(blocks):
                stride = 2 if halved and number == 0 else 1
                self.blocks.add_module(f"b{stage}_l{number}", _Block(before, width, inner, length, side, stride))
                before = width
        self.conv7 = _Convolution(before, size.head)
        self.classifier = nn.Sequential(_Convolution(size.head, feature_dim, plain=True))

    def forward(self, images: Tensor) -> Tensor:
        """(K·N·F, 3, H, W) of K clips → (K·N, D). Fewer than N·F images are one clip."""
        past = Past(min(self.num_segments * self.num_frames, len(images)))
        x = self.after_each_frame(images, past)
        return self.feature(x.view(-1, self.num_frames, x.shape[1])[:, -1], past)  # the last frame of each segment

    def after_each_frame(self, images: Tensor, past: Past) -> Tensor:
        """(K·frames, 3, H, W) → (K·frames, C), the mean of what was seen until each frame."""
        x = self.conv1(images, past)
        for block in self.blocks:
            x = block(x, past)
        return mean_so_far(self.conv7(x, past).mean((2, 3)), past)

    def feature(self, x: Tensor, past: Past) -> Tensor:
        """(B, C) → (B, D)."""
        out: Tensor = functional.silu(self.classifier[0](x[:, :, None, None], past)).flatten(1)
        return out


class _Unit(nn.Module):
    """A convolution, a normalisation and hard swish, or the convolution alone with a bias."""

    def __init__(self, convolution: nn.Conv2d, norm: bool, active: bool) -> None:
        super().__init__()
        self.conv2d = convolution
        self.norm = nn.BatchNorm2d(convolution.out_channels, EPSILON) if norm else None
        self.active = active

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv2d(x)
        if self.norm is not None:
            x = self.norm(x)
        return functional.hardswish(x) if self.active else x


class _Convolution(nn.Module):
    """A convolution of each frame, and then one along time. If it is plain there is no normalisation."""

    def __init__(
        self,
        before: int,
        width: int,
        length: int = 1,
        side: int = 1,
        stride: int = 1,
        *,
        by_channel: bool = False,
        active: bool = True,
        plain: bool = False,
    ) -> None:
        super().__init__()
        self.side, self.stride, self.length = side, stride, length
        groups = before if by_channel else 1
        spatial = nn.Conv2d(before, width, side, stride, groups=groups, bias=plain)
        self.conv_1 = _Unit(spatial, norm=not plain, active=active and not plain)
        self.conv_2 = None
        if length > 1:
            temporal = nn.Conv2d(width, width, (length, 1), groups=groups, bias=False)
            self.conv_2 = _Unit(temporal, norm=True, active=active)

    def forward(self, x: Tensor, past: Past) -> Tensor:
        """(K·frames, C, H, W) → (K·frames, C', H', W')."""
        x = self.conv_1(_padded(x, self.side, self.stride))
        if self.conv_2 is None:
            return x
        shape = x.shape
        along = x.reshape(-1, past.frames, shape[1], shape[2] * shape[3]).transpose(1, 2)  # (K, C, frames, H·W)
        if past.count is None:
            along = functional.pad(along, (0, 0, self.length - 1, 0))
        else:
            before = past.take((1, shape[1], self.length - 1, along.shape[3]), along)
            along = torch.cat((before, along), 2)
            past.left.append(along[:, :, 1 - self.length :])
        out: Tensor = self.conv_2(along).transpose(1, 2).reshape(shape)
        return out


class _Block(nn.Module):
    def __init__(self, before: int, width: int, inner: int, length: int, side: int, stride: int) -> None:
        super().__init__()
        self.expand = _Convolution(before, inner)
        self.deep = _Convolution(inner, inner, length, side, stride, by_channel=True)
        self.se = _Excitation(inner)
        self.project = _Convolution(inner, width, active=False)
        self.res = nn.ModuleList()
        if stride > 1:
            self.res.append(nn.Identity())  # takes the place of the pooling, so that the next name is the released one
        if stride > 1 or before != width:
            self.res.append(_Convolution(before, width, active=False))
        self.alpha = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor, past: Past) -> Tensor:
        y = self.project(self.se(self.deep(self.expand(x, past), past), past), past)
        if len(self.res) > 1:
            x = _pooled(x)
        if len(self.res):
            x = self.res[-1](x, past)
        out: Tensor = x + self.alpha * y
        return out


class _Excitation(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        squeezed = _multiple_of_8(width // SQUEEZE * 2)
        self.fc1 = _Convolution(2 * width, squeezed, plain=True)
        self.fc2 = _Convolution(squeezed, width, plain=True)

    def forward(self, x: Tensor, past: Past) -> Tensor:
        now = x.mean((2, 3))  # (K·frames, C)
        scale = torch.cat((mean_so_far(now, past), now), 1)[:, :, None, None]
        scale = self.fc2(functional.hardswish(self.fc1(scale, past)), past)
        out: Tensor = x * (0.2 * scale + 0.5).clamp(0, 1)
        return out


def mean_so_far(x: Tensor, past: Past) -> Tensor:
    """Return for each frame the mean of the frames of its clip up to it: (K·frames, C) → (K·frames, C)."""
    total = x.view(-1, past.frames, x.shape[1]).cumsum(1)
    count = torch.arange(1, past.frames + 1, device=x.device, dtype=x.dtype)[:, None]
    if past.count is not None:
        total = total + past.take((1, 1, x.shape[1]), x)
        count = count + past.count
        past.left.append(total[:, -1:])
    return (total / count).flatten(0, 1)


def _padded(x: Tensor, side: int, stride: int) -> Tensor:
    """Return images with the zeros of TensorFlow's padding "same": the odd one is at the end."""
    if side == 1:
        return x
    total = [max(side - (length % stride or stride), 0) for length in (x.shape[3], x.shape[2])]
    return functional.pad(x, [pad for each in total for pad in (each // 2, each - each // 2)])


def _pooled(x: Tensor) -> Tensor:
    """Return the means of 3 x 3 pixels at every second one, with the same padding, which does not count."""
    odd = x.shape[-1] % 2
    return functional.avg_pool2d(x, 3, 2, padding=odd, ceil_mode=not odd, count_include_pad=False)


def _multiple_of_8(width: int) -> int:
    """Return the nearest multiple of 8 that is not below nine tenths of a width."""
    near = max(8, (width + 4) // 8 * 8)
    return near + 8 if near < 0.9 * width else near
