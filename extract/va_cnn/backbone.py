"""A trained VA-CNN as a backbone: points of a skeleton in, the main network's pooled features out."""

from pathlib import Path

import torch
from torch import Tensor

from common.config import parse_config
from common.errors import UserError
from common.files import sha256_of
from extract.networks.backbone import Backbone, Draw
from extract.va_cnn.network import VaCnnNetwork
from extract.va_cnn.pictures import make_pictures, stretch_sequence
from extract.va_cnn.weights import load_va_cnn
from manifests.recipes.recipe import Pictures, VaCnn

RANDOM = "random"
SHOWN = {"segment": [0], "beginning": [1], "both": [0, 1]}  # of the two stretches of each segment


def va_cnn_backbone(
    weights: str, num_segments: int, pictures: Pictures = "segment", image_size: int | None = None
) -> Backbone:
    """Return a trained VA-CNN as a backbone: each segment's picture → the main network's pooled features.

    Args:
        weights: the file; "random" for an untrained network of the paper's kind, to measure speed with.
        num_segments: N; must be what it was trained with.
        pictures: of each segment itself, of the beginning up to its end, or the features of both, side by side.
        image_size: of random weights; trained ones have their own.

    Raises:
        UserError: no such weights, weights trained for another N or for pictures of another size.
    """
    if weights == RANDOM:
        table = parse_config(VaCnn, {"image_size": image_size} if image_size else {}, "random weights")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            network = VaCnnNetwork(table.network, 0, table.image_size)
        source, sha256, joints = RANDOM, "random seed=0", None
    else:
        network, made = load_va_cnn(Path(weights))
        table = VaCnn.model_validate(made["va_cnn"])
        source, sha256, joints = Path(weights).name, sha256_of(Path(weights)), made["joints"]
        if made["segments"] != num_segments:
            raise UserError(
                f"{weights} was trained on {made['segments']} segments a clip, and {num_segments} are wanted"
            )
        if image_size not in (None, table.image_size):
            raise UserError(f"{weights} was trained on pictures of {table.image_size}, and {image_size} is wanted")
        network.main.reset_classifier(0)
    settings: dict[str, object] = {
        "backbone": "va_cnn",
        "timm_model": table.network,
        "image_size": table.image_size,
        "origin": "middle of the main actor's spine in his first frame",
        "minimum": network.minimum.item(),
        "maximum": network.maximum.item(),
        "pictures": pictures,
        "pooling": "global average",
        "weights": source,
        "weights_sha256": sha256,
        "legacy_sequence_stretch": table.legacy_sequence_stretch,
        "legacy_sequence_actors": table.legacy_sequence_actors,
    }
    draw = draw_segments(table, pictures, network.minimum.item(), network.maximum.item())
    return Backbone(
        network.eval().requires_grad_(False),
        draw,
        settings,
        input="skeleton",
        pooling="concatenated",
        legacy_sequence_actors=table.legacy_sequence_actors,
        joints=joints,
    )


def draw_segments(table: VaCnn, pictures: Pictures, minimum: float, maximum: float) -> Draw:
    """Return the drawing of a clip's points (P, 3) and segments (N, 2, 4) as pictures (N, 1 or 2, 3, S, S)."""

    def draw(points: Tensor, segments: Tensor) -> Tensor:
        if table.legacy_sequence_stretch:
            points = stretch_sequence(points, minimum, maximum)
        chosen = segments[:, SHOWN[pictures]]  # (N, F, 4)
        drawn = make_pictures(points, chosen.flatten(0, 1), table.image_size)
        return drawn.view(*chosen.shape[:2], *drawn.shape[1:])

    return draw
