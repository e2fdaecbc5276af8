"""The shift against a loop over indices, and where it is put."""

import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from extract.networks.non_local import NonLocal, insert_non_local
from extract.networks.temporal_shift import TemporalShift, insert_temporal_shift, one_way_shift, temporal_shift


def shift_by_index(x: Tensor, num_frames: int, fold_div: int, one_way: bool = False) -> Tensor:
    """Frame by frame, channel by channel, from the definition."""
    out = torch.zeros_like(x)
    fold = x.shape[1] // fold_div
    for row in range(x.shape[0]):
        frame = row % num_frames
        for channel in range(x.shape[1]):
            if channel < fold:
                source = frame - 1 if one_way else frame + 1
            elif channel < 2 * fold and not one_way:
                source = frame - 1
            else:
                source = frame
            if 0 <= source < num_frames:
                out[row, channel] = x[row - frame + source, channel]
    return out


shapes = st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 20), st.integers(1, 3), st.integers(1, 3))


@settings(max_examples=60, deadline=None)
@given(shapes, st.sampled_from([3, 4, 8]), st.booleans(), st.booleans(), st.integers(0, 2**31))
def test_equals_the_loop(shape: tuple[int, ...], fold_div: int, channels_last: bool, one_way: bool, seed: int) -> None:
    clips, frames, channels, height, width = shape
    x = torch.randn(clips * frames, channels, height, width, generator=torch.Generator().manual_seed(seed))
    if channels_last:
        x = x.contiguous(memory_format=torch.channels_last)
    before = x.clone()
    shifted = (one_way_shift if one_way else temporal_shift)(x, frames, fold_div)
    assert torch.equal(shifted, shift_by_index(x, frames, fold_div, one_way))
    assert torch.equal(x, before)
    assert shifted.stride() == x.stride()


def test_no_clip_sees_another() -> None:
    x = torch.randn(16, 16, 2, 2)
    changed = x.clone()
    changed[8:] = -1000
    assert torch.equal(temporal_shift(x, 8)[:8], temporal_shift(changed, 8)[:8])


def test_direction_first_fold_is_the_future() -> None:
    x = torch.arange(3.0).view(3, 1, 1, 1).expand(3, 8, 1, 1)
    assert temporal_shift(x, 3)[:, :3, 0, 0].T.tolist() == [[1, 2, 0], [0, 0, 1], [0, 1, 2]]


class OneWay(torch.nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return one_way_shift(x, 3)


def test_an_exported_one_way_shift_is_the_same_for_any_number_of_clips() -> None:
    x = torch.randn(6, 16, 2, 2)
    clips = torch.export.Dim("clips", min=1)
    exported = torch.export.export(OneWay(), (x,), dynamic_shapes=({0: 3 * clips},))
    assert "copy_" not in str(exported.graph), "no assignment to slices"
    for count in (1, 2, 5):
        x = torch.randn(3 * count, 16, 2, 2)
        assert torch.equal(exported.module()(x), one_way_shift(x, 3))


def _shifted(name: str) -> list[str]:
    network = timm.create_model(name, pretrained=False)
    insert_temporal_shift(network, 8)
    return [name for name, module in network.named_modules() if isinstance(module, TemporalShift)]


def test_places_in_resnet50() -> None:
    blocks = ((1, 3), (2, 4), (3, 6), (4, 3))
    assert _shifted("resnet50") == [f"layer{layer}.{i}.conv1" for layer, count in blocks for i in range(count)]


def test_every_other_block_in_resnet101() -> None:
    blocks = ((1, 3), (2, 4), (3, 23), (4, 3))
    assert _shifted("resnet101") == [f"layer{layer}.{i}.conv1" for layer, count in blocks for i in range(0, count, 2)]


def test_places_in_mobilenetv2() -> None:
    """0-based blocks 2 4 5 7 8 9 11 12 14 15 of 17, as in the online demo of the authors."""
    stages = (1, 2, 3, 4, 3, 3, 1)
    numbered = [f"blocks.{stage}.{i}.conv_pw" for stage, count in enumerate(stages) for i in range(count)]
    assert _shifted("mobilenetv2_100") == [numbered[i] for i in (2, 4, 5, 7, 8, 9, 11, 12, 14, 15)]


def test_non_local_equals_attention_place_by_place() -> None:
    torch.manual_seed(0)
    module = NonLocal(4).eval().double()
    x = torch.randn(1, 4, 2, 3, 5, dtype=torch.float64)  # odd sizes: the pooling drops the last row and column

    def project(conv: torch.nn.Module, values: Tensor) -> Tensor:
        return torch.einsum("oc,cfhw->ofhw", conv.weight[:, :, 0, 0, 0], values) + conv.bias[:, None, None, None]

    theta, phi, g = (project(conv, x[0]) for conv in (module.theta, module.phi, module.g))
    keys, values = [], []
    for frame in range(2):
        for column in range(2):
            window = (slice(None), frame, slice(0, 2), slice(2 * column, 2 * column + 2))
            keys.append(phi[window].flatten(1).max(dim=1).values)
            values.append(g[window].flatten(1).max(dim=1).values)
    y = torch.zeros(2, 2, 3, 5, dtype=torch.float64)
    for f in range(2):
        for h in range(3):
            for w in range(5):
                scores = torch.stack([theta[:, f, h, w] @ key for key in keys]).exp()
                y[:, f, h, w] = sum(s * v for s, v in zip(scores / scores.sum(), values, strict=True))
    w_y = project(module.w, y) / (1 + module.norm.eps) ** 0.5  # fresh normalisation: mean 0, variance 1
    torch.testing.assert_close(module(x)[0], w_y + x[0], rtol=1e-12, atol=1e-12)


def test_non_local_adds_the_published_parameters() -> None:
    """MMAction2 publishes 31,682,000 with a 400-way head; the official blocks have a bias in W, theirs have none."""
    network = timm.create_model("resnet50", pretrained=False, num_classes=400)
    insert_non_local(network, 8)
    assert sum(p.numel() for p in network.parameters()) == 31_682_000 + 2 * 512 + 3 * 1024
