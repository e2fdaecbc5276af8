"""MoViNet-A0 to A2 in their stream form, trained on Kinetics-600 (Kondratyuk et al., CVPR 2021)."""

from dataclasses import dataclass

from torch import nn

from extract.backbones.video_network import VideoNetworkEntry
from extract.networks.video.checkpoint import VideoLayout
from extract.networks.video.movinet import Movinet, MovinetSize
from manifests.recipes.extraction import Extract

SIZES = {
    "a0": MovinetSize(
        8,
        (
            (8, ((24, 1, 5),)),
            (32, ((80, 3, 3),) * 3),
            (56, ((184, 5, 3), (112, 3, 3), (184, 3, 3))),
            (56, ((184, 5, 3), *((184, 3, 3),) * 3)),
            (104, ((384, 5, 3), (280, 1, 5), (280, 1, 5), (344, 1, 5))),
        ),
        480,
    ),
    "a1": MovinetSize(
        16,
        (
            (16, ((40, 1, 5), (40, 3, 3))),
            (40, ((96, 3, 3), (120, 3, 3), (96, 3, 3), (96, 3, 3))),
            (64, ((216, 5, 3), (128, 3, 3), (216, 3, 3), (168, 3, 3), (216, 3, 3))),
            (64, ((216, 5, 3), (216, 3, 3), (216, 3, 3), (128, 3, 3), (128, 1, 5), (216, 3, 3))),
            (136, ((456, 5, 3), *((360, 1, 5),) * 3, (456, 1, 5), (456, 3, 3), (544, 1, 3))),
        ),
        600,
    ),
    "a2": MovinetSize(
        16,
        (
            (16, ((40, 1, 5), (40, 3, 3), (64, 3, 3))),
            (40, ((96, 3, 3), (120, 3, 3), (96, 3, 3), (96, 3, 3), (120, 3, 3))),
            (72, ((240, 5, 3), (160, 3, 3), (240, 3, 3), (192, 3, 3), (240, 3, 3))),
            (72, ((240, 5, 3), *((240, 3, 3),) * 3, (144, 1, 5), (240, 3, 3))),
            (144, ((480, 5, 3), *((384, 1, 5),) * 2, *((480, 1, 5),) * 2, (480, 3, 3), (576, 1, 3))),
        ),
        640,
    ),
}

PORT = VideoLayout("the PyTorch port of MoViNet", "blocks.b0_l0.alpha", str, r"classifier\.3\..*")


@dataclass(frozen=True, kw_only=True)
class MovinetEntry(VideoNetworkEntry):
    """The family of the MoViNets with a stream form."""

    def build(self, size: str, config: Extract, side: int) -> nn.Module:
        """Return a MoViNet; it takes any number of frames and any size of images."""
        return Movinet(SIZES[size], config.segments, config.frames)


MOVINET = MovinetEntry(
    title="MoViNet in its stream form, trained on Kinetics-600",
    layouts=(PORT,),
    wrappers=("state_dict",),
    carries_state=True,
)
