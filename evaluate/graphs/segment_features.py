"""A backbone as one network: the images of segments → their features, pooled over the frames of a segment."""

import torch
from torch import Tensor, nn

from common.errors import UserError
from extract.networks.backbone import Backbone
from extract.networks.batch_norm import fold_batch_norm
from extract.networks.segment_network import example_images


class SegmentFeatures(nn.Module):
    """The network of a backbone with its pooling, in float32, with normalisations folded as in an extraction.

    Args:
        backbone: is not changed.

    Attributes:
        images_shape: (F, …), the shape of the images of one segment.

    Raises:
        UserError: the backbone has no network, or one that carries its state from segment to segment.
    """

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        if next(backbone.network.parameters(), None) is None:
            raise UserError(
                f"the backbone {backbone.settings.get('backbone')} is arithmetic on skeletons and no network, so it "
                "cannot be a graph; use --format native"
            )
        if backbone.along_clip is not None:
            raise UserError(
                f"the backbone {backbone.settings.get('backbone')} carries its state from segment to segment, and the "
                "graph of one segment has none; use --format native"
            )
        example = example_images(backbone)
        self.images_shape = tuple(example.shape[1:])
        self.network, _ = fold_batch_norm(backbone.network, example[0])
        self.pool = backbone.pool_output

    def forward(self, images: Tensor) -> Tensor:
        """Return the features (B, D) of the images (B, F, …) of segments."""
        return self.pool(self.network(images.flatten(0, 1)), self.images_shape[0])

    @torch.no_grad()
    def width(self) -> int:
        """Return D."""
        return int(self(torch.zeros((1, *self.images_shape))).shape[1])
