"""A backbone as one network: the images of segments → their features, pooled over the frames of a segment."""

import torch
from torch import Tensor, nn

from common.errors import UserError
from extract.networks.backbone import Backbone
from extract.networks.batch_norm import fold_batch_norm
from extract.networks.segment_network import example_images
from extract.networks.video.movinet import Movinet
from extract.networks.video.movinet_step import MovinetStep


class SegmentFeatures(nn.Module):
    """The network of a backbone with its pooling, in float32, with normalisations folded as in an extraction.

    Args:
        backbone: is not changed.

    Attributes:
        inputs: by name, the shape of each input without its batch; first that of the images of one segment, (F, …).
        outputs: the names of the outputs.

    Raises:
        UserError: the backbone has no network.
    """

    inputs: dict[str, tuple[int, ...]]
    outputs: tuple[str, ...] = ("features",)

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        if next(backbone.network.parameters(), None) is None:
            raise UserError(
                f"the backbone {backbone.settings.get('backbone')} is arithmetic on skeletons and no network, so it "
                "cannot be a graph; use --format native"
            )
        example = example_images(backbone)
        self.inputs = {"images": tuple(example.shape[1:])}
        self.network, _ = fold_batch_norm(backbone.network, example[0])
        self.pool = backbone.pool_output

    def forward(self, images: Tensor) -> Tensor:
        """Return the features (B, D) of the images (B, F, …) of segments."""
        return self.pool(self.network(images.flatten(0, 1)), self.inputs["images"][0])

    @torch.no_grad()
    def width(self) -> int:
        """Return D."""
        given = self(*(torch.zeros((1, *shape)) for shape in self.inputs.values()))
        return int((given if isinstance(given, Tensor) else given[0]).shape[1])


class CarriedFeatures(SegmentFeatures):
    """The network of a backbone that carries its state from segment to segment of a recording.

    The state is one tensor (B, K), zeros before the first segment of a recording.

    Args:
        backbone: is not changed.

    Raises:
        UserError: its network has no form for one segment at a time.
    """

    outputs = ("features", "new_state")

    def __init__(self, backbone: Backbone) -> None:
        super().__init__(backbone)
        if not isinstance(self.network, Movinet):
            raise UserError(
                f"the backbone {backbone.settings.get('backbone')} carries its state from segment to segment, and has "
                "no form for one segment at a time; use --format native"
            )
        self.step = MovinetStep(self.network, torch.zeros(self.inputs["images"]))
        self.shapes = [tuple(zeros.shape[1:]) for zeros in self.step.zeros]
        self.widths = [zeros.numel() for zeros in self.step.zeros]
        self.inputs["state"] = (sum(self.widths),)

    def forward(self, images: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """Return the features (B, D) and the new state for the images (B, F, …) of segments and a state (B, K)."""
        parts = torch.split(state, self.widths, 1)
        given = [part.reshape(-1, *shape) for part, shape in zip(parts, self.shapes, strict=True)]
        features, *left = self.step(images.flatten(0, 1), *given)
        return features, torch.cat([part.flatten(1) for part in left], 1)


def segment_features(backbone: Backbone) -> SegmentFeatures:
    """Return a backbone as one network, with a state if it carries one.

    Raises:
        UserError: as in `SegmentFeatures` and `CarriedFeatures`.
    """
    return (SegmentFeatures if backbone.along_clip is None else CarriedFeatures)(backbone).eval()
