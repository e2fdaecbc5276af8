"""A family of transformers for the segments of videos: VideoMAE and V-JEPA 2 have files of their own."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn

from common.errors import UserError
from extract.backbones.video_network import VideoNetworkEntry
from extract.networks.video.transformer import PATCH, TUBELET, Positions, TransformerShape, VideoTransformer
from manifests.recipes.extraction import Extract


@dataclass(frozen=True, kw_only=True)
class VideoTransformerEntry(VideoNetworkEntry):
    """A family of transformers.

    Attributes:
        shapes: the sizes by name.
        positions: see `VideoTransformer`.
    """

    shapes: Mapping[str, TransformerShape]
    positions: Positions

    def build(self, size: str, config: Extract, side: int) -> nn.Module:
        """Return a transformer; it takes an even number of frames, and images of a multiple of 16 pixels."""
        if config.frames % TUBELET or side % PATCH or side < 2 * PATCH:
            raise UserError(
                f"{config.backbone} takes an even number of frames and pictures whose side is 32, 48, 64 or more, and "
                f"not {config.frames} frames of {side} x {side}"
            )
        return VideoTransformer(self.shapes[size], config.frames, side, self.positions)

    def transformers_config(self, size: str) -> dict[str, object]:
        """Return what the tensors do not show: heads, patches and activations."""
        shape = self.shapes[size]
        return {
            "hidden_size": shape.width,
            "num_hidden_layers": shape.depth,
            "num_attention_heads": shape.heads,
            "patch_size": PATCH,
            "tubelet_size": TUBELET,
            "hidden_act": "gelu",
            "qkv_bias": True,
            "use_mean_pooling": True,
        }
