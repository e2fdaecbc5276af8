"""The future is changed and bits are compared, with networks of whole segments and with one that carries its state."""

from dataclasses import replace

import numpy as np
import pytest

from common.errors import UserError
from extract.backbones import BACKBONES, load_backbone
from extract.backbones.v_jepa2 import V_JEPA2, V_JEPA2_1
from extract.clip import Clip
from extract.networks.segment_network import SegmentNetwork
from extract.networks.video.transformer import TransformerShape
from manifests.recipes.extraction import Extract

pytestmark = pytest.mark.usefixtures("one_thread")

SEGMENTS, FRAMES, SIDE = 4, 2, 32


def config(backbone: str) -> Extract:
    return Extract(backbone=backbone, weights="random", segments=SEGMENTS, frames_per_segment=FRAMES, image_size=SIDE)


@pytest.fixture
def small_v_jepa(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the V-JEPAs two small blocks; the released ones have 86 million parameters or more."""
    shape = TransformerShape(48, 2, 2, 60)
    for key, entry in (("v_jepa2:NAME", V_JEPA2), ("v_jepa2_1:NAME", V_JEPA2_1)):
        monkeypatch.setitem(BACKBONES, key, replace(entry, shapes=dict.fromkeys(entry.shapes, shape)))


@pytest.mark.usefixtures("small_v_jepa")
@pytest.mark.parametrize("backbone", ["x3d:xs", "videomae:small", "v_jepa2:large", "v_jepa2_1:base", "movinet:a0"])
def test_features_do_not_depend_on_later_frames(backbone: str) -> None:
    network = SegmentNetwork(load_backbone(config(backbone)), device="cpu", num_segments=SEGMENTS)
    places = np.arange(SEGMENTS * FRAMES).reshape(SEGMENTS, FRAMES)
    video = np.random.default_rng(0).integers(0, 256, (places.size, SIDE, SIDE, 3), np.uint8)
    before = network(Clip(video, places, len(video)))
    for segment in range(1, SEGMENTS):
        other = video.copy()
        other[segment * FRAMES] = 255 - other[segment * FRAMES]  # the first frame of a segment
        after = network(Clip(other, places, len(video)))
        same = (before.view(np.int32) == after.view(np.int32)).all(axis=1).tolist()
        carried = backbone.startswith("movinet")
        assert same == [each < segment or (each > segment and not carried) for each in range(SEGMENTS)]


def test_a_state_needs_whole_clips() -> None:
    with pytest.raises(UserError, match="movinet:a0 carries its state through the 4 segments of a clip"):
        SegmentNetwork(load_backbone(config("movinet:a0")), device="cpu", num_segments=1)
