"""The trials of a network whose input has one shape: whether the position of a clip changes its bits."""

import pytest
import torch
from torch import Tensor

from extract.networks.fixed_input import FixedInput

IMAGES = (2, 3, 8, 8)  # of one position


def by_parity(images: Tensor) -> Tensor:
    features = images.flatten(1).mean(1, keepdim=True)
    features[1::2] += 1
    return features


def plain(images: Tensor) -> Tensor:
    return images.flatten(1).mean(1, keepdim=True)


@pytest.mark.parametrize(
    ("network", "clip_positions", "per_frame", "matters"),
    [
        (by_parity, 2, False, False),  # clips begin at even positions
        (by_parity, 3, False, True),
        (by_parity, 2, True, True),  # a clip may begin anywhere
        (plain, 3, False, False),
        (plain, 3, True, False),
    ],
)
def test_whether_the_position_of_a_clip_matters(
    network: object, clip_positions: int, per_frame: bool, matters: bool
) -> None:
    images = torch.zeros((4 * clip_positions, *IMAGES))
    fixed = FixedInput(network, images, clip_positions, per_frame)  # type: ignore[arg-type]
    assert fixed.position_matters() == matters


def test_the_input_is_what_the_caller_filled_in() -> None:
    images = torch.zeros((4, *IMAGES))
    fixed = FixedInput(plain, images, 2, per_frame=False)
    images[3] = 5
    assert fixed.compute().flatten().tolist() == [0, 0, 0, 5]


@pytest.mark.gpu
def test_a_graph_gives_the_bits_of_the_network() -> None:
    images = torch.zeros((4, *IMAGES), device="cuda")
    fixed = FixedInput(plain, images, 2, per_frame=False)
    assert not fixed.position_matters()
    fixed.record()
    assert fixed.graph is not None
    images[3] = 5
    assert fixed.compute().flatten().tolist() == plain(images).flatten().tolist()
