"""A network that turns all frames of a segment into one feature: how it is built and how its weights are loaded.

The weights are files that the user has downloaded. What is known of each release is in `manifests.video_networks`.
"""

import difflib
from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from common.errors import UserError
from common.files import sha256_of
from extract.backbones.entry import BackboneEntry
from extract.networks.backbone import Backbone, Input, draw_frames
from extract.networks.licences import NONE
from extract.networks.preprocess import Preprocess
from extract.networks.timm_models import try_network
from extract.networks.video.checkpoint import VideoLayout, check_config, find_in_folder, load_video_checkpoint
from extract.networks.weights import find_weights
from manifests.recipes.extraction import Extract
from manifests.released_weights import read_weights
from manifests.video_networks import VideoNetwork, read_video_networks

RANDOM = "random"


@dataclass(frozen=True, kw_only=True)
class VideoNetworkEntry(BackboneEntry):
    """A family of networks for the segments of videos, as `x3d:NAME`.

    Attributes:
        layouts: of the checkpoints that the weights are read from.
        wrappers: the keys under which a file of `torch.save` may have the tensors.
        carries_state: the networks carry their state from each segment of a clip to the next one.
    """

    input: Input = "video"
    layouts: tuple[VideoLayout, ...]
    wrappers: tuple[str, ...]
    carries_state: bool = False

    @abstractmethod
    def build(self, size: str, config: Extract, side: int) -> nn.Module:
        """Return a network without trained weights: (B·F, 3, side, side) → (B, D).

        Args:
            size: which of the family, as the name says it after the colon.
            config: gives F and N.
            side: of the images.

        Raises:
            UserError: the network does not take so many frames, or images of this size.
        """

    def transformers_config(self, size: str) -> dict[str, object]:
        """Return the values that a `config.json` of `transformers` has for a network; {}: there is no such file."""
        return {}

    def load(self, config: Extract, weights_folder: Path | None, seed: int) -> Backbone:
        """Build the network and load its weights.

        Args:
            config: gives the weights (a file, a folder of `transformers`, or "random"), the frames of a segment, and
                the side of the square that the network sees.
            weights_folder: has no effect: these weights are not downloaded.
            seed: as in `BackboneEntry.load`.

        Raises:
            UserError: there is no such network, or as in `BackboneEntry.load`.
        """
        released, size = _released(config.backbone), config.backbone.partition(":")[2]
        preprocess = Preprocess(released.resize, released.crop, released.mean, released.std)
        if config.image_size:
            preprocess = preprocess.for_size(config.image_size)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = self.build(size, config, preprocess.crop)
        if config.weights == RANDOM:
            source, sha256, licence = RANDOM, f"random seed={seed}", NONE
        else:
            path = _weights_file(config, released)
            check_config(path, self.transformers_config(size))
            load_video_checkpoint(network, path, self.layouts, self.wrappers)
            source, sha256, licence = path.name, sha256_of(path), released.licence
        try_network(network, config.backbone, preprocess.crop, released.crop, config.frames, vectors=1)
        settings: dict[str, object] = {
            "backbone": config.backbone,
            "frames_per_segment": config.frames,
            "trained_with": released.as_settings(),
            "pooling": "by the network",
            "weights": source,
            "weights_sha256": sha256,
            "licence": licence,
            "preprocess": preprocess.as_settings(),
        }
        if self.carries_state:
            settings["state"] = "carried from each segment of a clip to the next one"
        return Backbone(
            network.eval().requires_grad_(False),
            draw_frames(preprocess),
            settings,
            whole_segments=True,
            along_clip=config.segments if self.carries_state else None,
            preprocess=preprocess,
        )

    def names(self, key: str) -> list[str]:
        """Return the names of the family's networks."""
        family = key.partition(":")[0]
        return [name for name in read_video_networks() if name.startswith(f"{family}:")]


def _released(name: str) -> VideoNetwork:
    networks = read_video_networks()
    if name in networks:
        return networks[name]
    family = [other for other in networks if other.startswith(name.partition(":")[0] + ":")]
    near = difflib.get_close_matches(name, family, n=3, cutoff=0.3) or family
    raise UserError(f"there is no backbone {name}; near are {', '.join(near)}")


def _weights_file(config: Extract, released: VideoNetwork) -> Path:
    """Return the user's file of weights.

    Raises:
        UserError: it does not exist, or weights of another backbone are named.
    """
    if (known := read_weights().get(config.weights)) is not None:
        raise UserError(f"the weights {known.name} belong to the backbone {known.backbone}, not to {config.backbone}")
    path = find_in_folder(Path(config.weights))
    if not path.is_file():
        raise UserError(
            f"the weights {config.weights} of {config.backbone} do not exist; fetch {released.weights} and give the "
            "file; random weights are called random"
        )
    return find_weights(str(path))
