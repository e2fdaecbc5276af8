"""X3D, small 3-D convolutional networks that were trained on Kinetics-400 (Feichtenhofer, CVPR 2020)."""

import math
from dataclasses import dataclass

from torch import nn

from extract.backbones.video_network import VideoNetworkEntry
from extract.networks.video.checkpoint import VideoLayout
from extract.networks.video.x3d import X3d, X3dStage
from manifests.recipes.extraction import Extract

STAGES = ((1, 24, 54, 8), (2, 48, 108, 8), (5, 96, 216, 16), (3, 192, 432, 32))  # blocks, width, inner, squeeze
DEPTHS = {"xs": 2.2, "s": 2.2, "m": 2.2, "l": 5.0}  # how many times as many blocks

PYTORCHVIDEO = VideoLayout("PyTorchVideo", "blocks.0.conv.conv_xy.weight", str, r"blocks\.5\.proj\.(weight|bias)")


@dataclass(frozen=True, kw_only=True)
class X3dEntry(VideoNetworkEntry):
    """The family of the X3Ds."""

    def build(self, size: str, config: Extract, side: int) -> nn.Module:
        """Return an X3D; it takes any number of frames and any size of images."""
        stages = tuple(X3dStage(math.ceil(blocks * DEPTHS[size]), *widths) for blocks, *widths in STAGES)
        return X3d(config.frames, stages)


X3D = X3dEntry(title="X3D, trained on Kinetics-400", layouts=(PYTORCHVIDEO,), wrappers=("model_state",))
