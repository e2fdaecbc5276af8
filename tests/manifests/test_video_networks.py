"""Every entry of video_networks.toml is well-formed, and gives recipes their default frames."""

import pytest

from manifests.recipes.extraction import Extract
from manifests.video_networks import VideoNetwork, own_frames, read_video_networks


@pytest.mark.parametrize("network", read_video_networks().values(), ids=lambda network: network.name)
def test_entry(network: VideoNetwork) -> None:
    assert network.crop <= network.resize <= 1.2 * network.crop
    assert all(0 <= value < 1 for value in network.mean) and all(0 < value <= 1 for value in network.std)
    assert 0.3 < network.seconds < 11
    assert network.licence and network.weights and network.source


def test_the_frames_of_a_recipe_are_those_of_the_training() -> None:
    assert Extract(backbone="x3d:s", weights="random").frames == own_frames("x3d:s") == 13
    assert Extract(backbone="x3d:s", weights="random", frames_per_segment=4).frames == 4
    assert Extract(backbone="tsm_resnet50", weights="random").frames == own_frames("tsm_resnet50") == 8
    assert Extract().frames == 8
    written = Extract(backbone="x3d:s", weights="random").model_dump()
    assert Extract.model_validate(written).frames == written["frames_per_segment"] == 13
