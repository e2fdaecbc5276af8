import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from extract.va_cnn.pictures import make_pictures, stretch_sequence

SIZE = 16


def laid(stretches: list[NDArray[np.float32]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Stretches (frames, columns, 3) as points and (B, 4)."""
    rows, first = [], 5  # not at the beginning
    for stretch in stretches:
        frames, columns, _ = stretch.shape
        rows.append((first, frames, columns, 1))
        first += frames * columns
    points = np.concatenate([np.full((5, 3), 99, np.float32), *(s.reshape(-1, 3) for s in stretches)])
    return torch.from_numpy(points), torch.tensor(rows)


def resized(stretch: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """PIL's bilinear resize of each channel: (3, size, size)."""
    channels = [Image.fromarray(stretch[:, :, c]) for c in range(3)]
    return np.stack([np.asarray(c.resize((size, size), Image.Resampling.BILINEAR)) for c in channels])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(1, SIZE), st.integers(1, SIZE)), min_size=1, max_size=4), st.integers(0, 10**6))
def test_enlarging_is_pils_bilinear(shapes: list[tuple[int, int]], seed: int) -> None:
    chance = np.random.default_rng(seed)
    stretches = [chance.standard_normal((*shape, 3)).astype(np.float32) for shape in shapes]
    pictures = make_pictures(*laid(stretches), SIZE)
    assert pictures.shape == (len(shapes), 3, SIZE, SIZE) and pictures.dtype == torch.float32
    for picture, stretch in zip(pictures.numpy(), stretches, strict=True):
        expected = resized(stretch, SIZE)
        rounding = np.finfo(np.float32).eps * np.abs(stretch).max()
        np.testing.assert_allclose(picture, expected, rtol=0, atol=16 * rounding)


def test_rows_are_moments_columns_are_joints_channels_are_axes() -> None:
    t, j, c = np.meshgrid(np.arange(SIZE), np.arange(SIZE), np.arange(3), indexing="ij")
    (picture,) = make_pictures(*laid([(100 * t + 10 * j + c).astype(np.float32)]), SIZE)
    assert picture[2, 5, 7] == 572


def test_two_actors_stand_side_by_side() -> None:
    points = torch.arange(2 * 4 * 3, dtype=torch.float32).view(8, 3)
    wide = make_pictures(points, torch.tensor([[0, 1, 8, 1]]), 8)
    assert torch.equal(make_pictures(points, torch.tensor([[0, 1, 4, 2]]), 8), wide)
    assert torch.equal(wide[0, 0, 0], points[:, 0])


def test_one_frame_fills_every_row() -> None:
    (picture,) = make_pictures(*laid([np.random.default_rng(0).standard_normal((1, 4, 3)).astype(np.float32)]), 9)
    assert torch.equal(picture, picture[:, :1].expand(-1, 9, -1))


def test_more_frames_than_rows_are_sampled() -> None:
    frames = np.arange(6, dtype=np.float32)[:, None, None].repeat(2, 1).repeat(3, 2)
    (picture,) = make_pictures(*laid([frames]), 3)
    assert picture[0, :, 0].tolist() == [0.5, 2.5, 4.5]


def test_a_picture_does_not_depend_on_its_neighbours() -> None:
    chance = np.random.default_rng(0)
    stretches = [chance.standard_normal((n, 20, 3)).astype(np.float32) for n in (3, 7, 12)]
    together = make_pictures(*laid(stretches), SIZE)
    for picture, stretch in zip(together, stretches, strict=True):
        assert torch.equal(make_pictures(*laid([stretch]), SIZE)[0], picture)


def test_drawing_turned_joints_is_turning_the_drawn_ones() -> None:
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(0)))[0]
    points, rows = laid([np.random.default_rng(0).standard_normal((5, 20, 3)).astype(np.float32)])
    turned = torch.einsum("ij,bjhw->bihw", turn, make_pictures(points, rows, SIZE))
    torch.testing.assert_close(make_pictures(points @ turn.T, rows, SIZE), turned, atol=2e-5, rtol=0)


def test_the_legacy_stretch_reaches_from_minimum_to_maximum() -> None:
    points = torch.tensor([[0.0, 1.0, 2.0], [4.0, 3.0, 1.0]])
    stretched = stretch_sequence(points, -5.0, 3.0)
    assert stretched.tolist() == [[-5.0, -3.0, -1.0], [3.0, 1.0, -3.0]]
    assert stretch_sequence(torch.zeros(2, 3), -5.0, 3.0).isfinite().all(), "a clip without extent"


@pytest.mark.parametrize("size", [40, 64, 224])
def test_pictures_are_channels_last(size: int) -> None:
    pictures = make_pictures(*laid([np.zeros((8, 20, 3), np.float32)] * 2), size)
    assert pictures.is_contiguous(memory_format=torch.channels_last)
