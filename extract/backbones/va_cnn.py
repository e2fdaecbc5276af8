"""VA-CNN as a backbone: it draws the skeletons of a segment as an image and returns the main network's features."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from common.config import parse_config
from common.errors import UserError
from common.files import sha256_of
from extract.backbones.entry import BackboneEntry
from extract.networks.backbone import Backbone, Draw
from extract.va_cnn.network import VaCnnNetwork
from extract.va_cnn.pictures import make_pictures, stretch_sequence
from extract.va_cnn.weights import load_va_cnn
from manifests.recipes.extraction import Extract, Pictures, VaCnn

RANDOM = "random"
# Which of a segment's two stretches of frames are drawn: 0 the segment, 1 the beginning up to the segment's end.
STRETCHES = {"segment": [0], "beginning": [1], "both": [0, 1]}


@dataclass(frozen=True, kw_only=True)
class VaCnnBackbone(BackboneEntry):
    """A VA-CNN that `python -m extract train-vacnn` trained."""

    def load(self, config: Extract, weights_folder: Path | None, seed: int) -> Backbone:
        """Return the trained network, or a random one of the paper's kind, to measure speed with.

        Args:
            config: gives the file of weights or "random", the number of segments N, which images are drawn, and the
                side of the images of random weights.
            weights_folder: has no effect: these weights are not downloaded.
            seed: as in `BackboneEntry.load`.

        Raises:
            UserError: there are no such weights, or they were trained for another N or another size of images.
        """
        if config.weights == RANDOM:
            own = parse_config(VaCnn, {"image_size": config.image_size} if config.image_size else {}, "random weights")
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                network = VaCnnNetwork(own.network, 0, own.image_size)
            source, sha256, joints, trained_joints = RANDOM, f"random seed={seed}", None, None
        else:
            network, made = load_va_cnn(Path(config.weights))
            _refuse_other_segments(config, made)
            own = VaCnn.model_validate(made["va_cnn"])
            source, sha256 = Path(config.weights).name, sha256_of(Path(config.weights))
            joints, trained_joints = made["joints"], made.get("joint_list", {})
            network.main.reset_classifier(0)
        settings: dict[str, object] = {
            "backbone": config.backbone,
            "timm_model": own.network,
            "image_size": own.image_size,
            "origin": "middle of the main actor's spine in his first frame",
            "minimum": network.minimum.item(),
            "maximum": network.maximum.item(),
            "pictures": config.pictures,
            "pooling": "global average",
            "weights": source,
            "weights_sha256": sha256,
            "legacy_sequence_stretch": own.legacy_sequence_stretch,
            "legacy_sequence_actors": own.legacy_sequence_actors,
        }
        return Backbone(
            network.eval().requires_grad_(False),
            draw_segments(own, config.pictures, network.minimum.item(), network.maximum.item()),
            settings,
            input="skeleton",
            pooling="concatenated",
            legacy_sequence_actors=own.legacy_sequence_actors,
            joints=joints,
            trained_joints=trained_joints,
        )


def _refuse_other_segments(config: Extract, made: dict[str, Any]) -> None:
    trained_on, size = made["segments"], VaCnn.model_validate(made["va_cnn"]).image_size
    if trained_on != config.segments:
        raise UserError(
            f"{config.weights} was trained on {trained_on} segments a clip, and {config.segments} are wanted"
        )
    if config.image_size not in (None, size):
        raise UserError(f"{config.weights} was trained on pictures of {size}, and {config.image_size} is wanted")


def draw_segments(config: VaCnn, pictures: Pictures, minimum: float, maximum: float) -> Draw:
    """Return a function that draws a clip's points (P, 3) and segments (N, 2, 4) as images (N, 1 or 2, 3, S, S)."""

    def draw(points: Tensor, segments: Tensor) -> Tensor:
        if config.legacy_sequence_stretch:
            points = stretch_sequence(points, minimum, maximum)
        chosen = segments[:, STRETCHES[pictures]]  # (N, F, 4)
        drawn = make_pictures(points, chosen.flatten(0, 1), config.image_size)
        return drawn.view(*chosen.shape[:2], *drawn.shape[1:])

    return draw


VA_CNN = VaCnnBackbone(title="VA-CNN, trained on the training split", input="skeleton")
