"""A timm network that turns the frames of a segment into a feature: how it is built and how its weights are loaded.

The shift and the non-local blocks are in `extract.networks`, as are the reading of checkpoints and the download of
weights. Random weights are used only where they are asked for by name.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from common.errors import UserError
from common.files import sha256_of
from extract.backbones.entry import BackboneEntry
from extract.networks.backbone import Backbone, Input, draw_frames
from extract.networks.checkpoint_names import Layout
from extract.networks.checkpoints import load_checkpoint
from extract.networks.licences import NONE, weights_licence
from extract.networks.non_local import insert_non_local
from extract.networks.package_weights import PACKAGE, package_file
from extract.networks.preprocess import Preprocess
from extract.networks.temporal_shift import FOLD_DIV, Directions, insert_temporal_shift
from extract.networks.timm_models import create_timm_model, try_network
from extract.networks.weights import find_weights
from manifests.recipes.extraction import Extract
from manifests.released_weights import read_weights

RANDOM = "random"


@dataclass(frozen=True, kw_only=True)
class FrameNetwork(BackboneEntry):
    """A network for the frames of videos.

    Attributes:
        timm_name: the timm model that it is built from.
        preprocess: what is done to a frame before the network sees it.
        layouts: the layouts of checkpoints that its weights are read from.
        shift: the frames that shifted channels come from; None: there is no shift.
        non_local: it has TSM's five non-local blocks.
    """

    input: Input = "video"
    timm_name: str
    preprocess: Preprocess
    layouts: tuple[Layout, ...]
    shift: Directions | None = None
    non_local: bool = False

    def load(self, config: Extract, weights_folder: Path | None, seed: int) -> Backbone:
        """Build the network and load its weights.

        Args:
            config: gives the weights (a name of `manifests/weights.toml`, a file, "timm-package" or "random"), the
                frames of a segment, and the side of the square that the network sees. For another side than the
                backbone's own the resize changes in proportion.
            weights_folder: as in `BackboneEntry.load`.
            seed: as in `BackboneEntry.load`.
        """
        frames = config.frames
        network = self._build(frames, config.weights == RANDOM, seed)
        if config.weights == RANDOM:
            source, sha256, licence = RANDOM, f"random seed={seed}", NONE
        else:
            path = _weights_file(config.backbone, config.weights, weights_folder)
            layout = load_checkpoint(network, path, self.layouts).layout
            source, sha256 = path.name, sha256_of(path)
            licence = weights_licence(config.weights, layout, self.timm_name)
        preprocess = self.preprocess.for_size(config.image_size) if config.image_size else self.preprocess
        pictures = frames if self.shift else 2
        try_network(network, config.backbone, preprocess.crop, self.preprocess.crop, pictures)
        settings: dict[str, object] = {
            "backbone": config.backbone,
            "timm_model": self.timm_name,
            "temporal_shift": self._shift_settings(frames),
            "non_local": self.non_local,
            "frames_per_segment": frames,
            "pooling": "mean over frames",
            "weights": source,
            "weights_sha256": sha256,
            "licence": licence,
            "preprocess": preprocess.as_settings(),
        }
        return Backbone(
            network.eval().requires_grad_(False),
            draw_frames(preprocess),
            settings,
            per_frame=not (self.shift or self.non_local),
            one_way=self.shift == "previous" and not self.non_local,
            preprocess=preprocess,
        )

    def _shift_settings(self, frames: int) -> dict[str, object] | None:
        if self.shift is None:
            return None
        # The caches of the usual TSM are older than the one-way shift, so they do not name the directions.
        directions = {} if self.shift == "both" else {"from": "the previous frame only"}
        return {"frames": frames, "fold_div": FOLD_DIV, **directions}

    def _build(self, frames: int, random: bool, seed: int) -> nn.Module:
        """Return the network without trained weights, for segments of this many frames."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network: nn.Module = create_timm_model(self.timm_name, num_classes=0)
            if self.shift:
                insert_temporal_shift(network, frames, self.shift)
            if self.non_local:
                insert_non_local(network, frames)
            if random:
                _enable_residual_branches(network)
        return network


def _weights_file(backbone: str, weights: str, folder: Path | None) -> Path:
    if weights == PACKAGE:
        return package_file(backbone)
    released = read_weights().get(weights)
    if released is not None and released.backbone is None:
        raise UserError(f"the weights {weights} cannot be used: {released.note}")
    if released is not None and released.backbone != backbone:
        raise UserError(f"the weights {weights} belong to the backbone {released.backbone}, not to {backbone}")
    return find_weights(weights, folder)


def _enable_residual_branches(network: nn.Module) -> None:
    """Set the weights of all normalisations to one.

    timm starts the last normalisation of a residual branch at zero. With random weights the branch would then have no
    effect, and neither would the shift.
    """
    for module in network.modules():
        if isinstance(module, _BatchNorm) and module.affine:
            nn.init.ones_(module.weight)
