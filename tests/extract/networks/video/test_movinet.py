"""MoViNet: the same features as a stream that gets one frame at a time and keeps buffers, written independently."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from extract.backbones.movinet import MOVINET
from extract.networks.video.checkpoint import load_video_checkpoint
from extract.networks.video.movinet import HALVED, Movinet, MovinetSize

pytestmark = pytest.mark.usefixtures("one_thread")

SMALL = MovinetSize(
    8,
    ((8, ((24, 1, 5),)), (16, ((24, 3, 3), (40, 3, 3))), (16, ((24, 5, 3),)), (24, ((32, 5, 3),)), (24, ((40, 1, 5),))),
    32,
)
FRAMES, SEGMENTS = 2, 3


class Stream:
    """One frame at a time, in float64: what the released code computes (tensorflow/models, movinet_layers.py)."""

    def __init__(self, state: dict[str, Tensor]) -> None:
        self.state = {name: tensor.double() for name, tensor in state.items()}
        self.buffers: dict[str, list[Tensor]] = {}
        self.sums: dict[str, tuple[Tensor, int]] = {}

    def normalised(self, x: Tensor, name: str) -> Tensor:
        mean, variance, weight, bias = (
            self.state[f"{name}.norm.{part}"].view(1, -1, 1, 1)
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (variance + 1e-3).sqrt() * weight + bias

    def convolution(self, x: Tensor, name: str, stride: int = 1, active: bool = True) -> Tensor:
        weight, bias = self.state[f"{name}.conv_1.conv2d.weight"], self.state.get(f"{name}.conv_1.conv2d.bias")
        side, length = weight.shape[-1], x.shape[-1]
        total = max((-(-length // stride) - 1) * stride + side - length, 0)
        x = functional.pad(x, (total // 2, total - total // 2) * 2)
        x = functional.conv2d(x, weight, bias, stride, groups=x.shape[1] // weight.shape[1])
        if bias is not None:
            return x
        x = self.normalised(x, f"{name}.conv_1")
        x = functional.hardswish(x) if active else x
        temporal = self.state.get(f"{name}.conv_2.conv2d.weight")
        if temporal is None:
            return x
        kernel = temporal.shape[2]
        buffer = self.buffers.setdefault(name, [torch.zeros_like(x)] * (kernel - 1))
        window = [*buffer, x]
        self.buffers[name] = window[1:]
        summed = sum(frame * temporal[:, 0, place].view(1, -1, 1, 1) for place, frame in enumerate(window))
        return functional.hardswish(self.normalised(summed, f"{name}.conv_2"))

    def mean(self, x: Tensor, name: str) -> Tensor:
        total, count = self.sums.get(name, (torch.zeros_like(x), 0))
        self.sums[name] = total + x, count + 1
        return (total + x) / (count + 1)

    def block(self, x: Tensor, name: str, stride: int) -> Tensor:
        y = self.convolution(self.convolution(x, f"{name}.expand"), f"{name}.deep", stride)
        now = y.mean((2, 3), keepdim=True)
        scale = self.convolution(torch.cat((self.mean(now, name), now), 1), f"{name}.se.fc1")
        scale = self.convolution(functional.hardswish(scale), f"{name}.se.fc2")
        y = self.convolution(y * (0.2 * scale + 0.5).clamp(0, 1), f"{name}.project", active=False)
        if stride > 1:
            x = same_average(x)
        place = f"{name}.res.{int(stride > 1)}"
        if f"{place}.conv_1.conv2d.weight" in self.state:
            x = self.convolution(x, place, active=False)
        return x + self.state[f"{name}.alpha"] * y

    def push(self, frame: Tensor) -> Tensor:
        x = self.convolution(frame.double(), "conv1", 2)
        for stage, (_, blocks) in enumerate(SMALL.stages):
            for number in range(len(blocks)):
                x = self.block(x, f"blocks.b{stage}_l{number}", 2 if HALVED[stage] and number == 0 else 1)
        x = self.mean(self.convolution(x, "conv7").mean((2, 3), keepdim=True), "pool")
        return functional.silu(self.convolution(x, "classifier.0")).flatten(1)


def same_average(x: Tensor) -> Tensor:
    """TensorFlow's average pooling with the padding "same": pixels outside do not count."""
    length = x.shape[-1]
    half = -(-length // 2)
    before = max((half - 1) * 2 + 3 - length, 0) // 2
    windows = [slice(max(2 * place - before, 0), 2 * place - before + 3) for place in range(half)]
    rows = [torch.stack([x[:, :, row, column].mean((2, 3)) for column in windows], -1) for row in windows]
    return torch.stack(rows, -2)


@pytest.mark.parametrize("side", [40, 43])
def test_a_clip_at_once_is_a_stream_of_frames(
    side: int, tmp_path: Path, filled: Callable[..., Any], images: Callable[..., Tensor]
) -> None:
    network, path = Movinet(SMALL, SEGMENTS, FRAMES, feature_dim=16), tmp_path / "movinet"
    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items() if "num_b" not in name}
    state = filled(shapes)
    torch.save(state | {"classifier.3.conv_1.conv2d.weight": torch.ones(2)}, path)
    load_video_checkpoint(network, path, MOVINET.layouts, MOVINET.wrappers)
    clips = images(2 * SEGMENTS * FRAMES, side)
    with torch.inference_mode():
        features = network.eval()(clips)
    expected = []
    for clip in clips.view(2, SEGMENTS * FRAMES, 3, side, side):
        stream = Stream(state)
        expected += [stream.push(frame[None]) for frame in clip][FRAMES - 1 :: FRAMES]
    wanted = torch.cat(expected)
    assert features.shape == wanted.shape == (2 * SEGMENTS, 16)
    assert (features.double() - wanted).abs().max() < 1e-5 * wanted.abs().max()
    assert (wanted[1] - wanted[0]).abs().max() > 1e-4 * wanted.abs().max(), "segments differ"
