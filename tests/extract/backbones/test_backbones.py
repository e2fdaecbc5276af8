"""The dict of backbones: what entries take, the nearest of an unknown name, and a new one as a file and a line."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from common.errors import UserError
from extract.backbones import BACKBONES, find_backbone, load_backbone
from extract.cache import read_cache
from extract.clip import Clip
from extract.decoding.decode import decode_clip
from extract.networks.segment_network import SegmentNetwork
from manifests.recipes.extraction import Extract

SKELETONS = ("va_cnn", "joints", "joint_statistics", "two_person_statistics")
MEAN_COLOUR = '''"""The mean colour of every frame."""

from torch import nn

from extract.backbones.entry import BackboneEntry
from extract.networks.backbone import Backbone


class MeanColour(BackboneEntry):
    """Red, green and blue, 0…255."""

    def load(self, config, weights_folder, seed):
        """Return the backbone; it has no weights."""

        def draw(frames, segments):
            return frames.float().mean((1, 2))[segments]  # (N, F, 3)

        settings = {"backbone": config.backbone, "frames_per_segment": config.frames_per_segment, "weights": "none"}
        return Backbone(nn.Identity(), draw, settings)


MEAN_COLOUR = MeanColour(title="mean colour", input="video", default_weights="none")
'''


def test_each_entry_says_what_it_takes() -> None:
    assert [name for name, entry in BACKBONES.items() if entry.input == "skeleton"] == list(SKELETONS)
    assert len({entry.title for entry in BACKBONES.values()}) == len(BACKBONES)


@pytest.mark.parametrize("name", [*(name for name in BACKBONES if ":" not in name), "timm:test_resnet"])
def test_what_an_entry_takes_is_what_its_backbone_takes(name: str) -> None:
    weights = "none" if find_backbone(name).default_weights == "none" else "random"
    backbone = load_backbone(Extract(backbone=name, weights=weights, image_size=64))
    assert backbone.files == find_backbone(name).input
    assert backbone.settings["backbone"] == name and backbone.settings["weights"] == weights


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("tsm_resnet", "tsm_resnet50, "),
        ("joint", "joints"),
        ("vacnn", "va_cnn"),
        ("resnet18", ".*timm:resnet18"),
        ("timn:resnet18", "timm:resnet18"),
        ("hub:resnet18", "timm:resnet18"),
    ],
)
def test_an_unknown_backbone_gets_the_nearest_name(name: str, near: str) -> None:
    with pytest.raises(UserError, match=f"there is no backbone {name}; near are {near}"):
        load_backbone(Extract(backbone=name, weights="random"))


def test_a_new_backbone_is_a_file_and_a_line(
    own_copy: Callable[..., list[str]], drawn_footage: Path, tmp_path: Path
) -> None:
    files = {"extract/backbones/mean_colour.py": MEAN_COLOUR}
    lines = {
        "extract/backbones/__init__.py": [
            ("from extract.backbones.joints import JOINTS", "from extract.backbones.mean_colour import MEAN_COLOUR"),
            ('    "joints": JOINTS,', '    "mean_colour": MEAN_COLOUR,'),
        ]
    }
    out, videos = tmp_path / "colours.h5", drawn_footage / "videos"
    options = ["--videos", videos, "--weights", "none", "--frames-per-segment", "2", "--workers", "1"]
    options += ["--device", "cpu", "--backbone", "mean_colour"]
    own_copy(files, lines, ["run", drawn_footage / "clips.csv", "--out", out, *options])
    cache = read_cache(out)
    clip = decode_clip(videos / "c3.avi", 10, 2)
    expected = clip.content.mean((1, 2))[clip.segments].mean(1)  # (10, 3)
    assert cache.settings["backbone"] == "mean_colour" and cache.valid.all()
    np.testing.assert_allclose(cache.features[cache.clip_id.index("c3")], expected, rtol=1e-4)


def test_random_va_cnn_weights_depend_on_the_seed() -> None:
    config = Extract(backbone="va_cnn", weights="random", image_size=40)
    points = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    clip = Clip(points, np.broadcast_to(np.array([0, 2, 20, 1]), (1, 2, 4)).copy(), 2)
    first, again, other = (SegmentNetwork(load_backbone(config, seed=seed), device="cpu")(clip) for seed in (0, 0, 1))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_timm_is_loaded_for_its_own_networks_only() -> None:
    """It takes two seconds to import, and a run of skeletons needs none of it."""
    code = (
        "import sys, extract.planning, extract.run\n"
        "from extract.network_loader import load_segment_network\n"
        "from extract.machine import Machine\n"
        "from manifests.recipes.extraction import Extract\n"
        "for name in ('joints', 'joint_statistics', 'two_person_statistics'):\n"
        "    load_segment_network(Extract(backbone=name, weights='none'), Machine('cpu'))\n"
        "assert not {'timm', 'torchvision', 'torch._dynamo', 'tabulate'} & sys.modules.keys()\n"
        "load_segment_network(Extract(backbone='timm:resnet10t', weights='random'), Machine('cpu'))\n"
        "assert 'timm' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
