"""The network a VA-CNN's training begins with: its size, its training data's extremes, its initial weights."""

from pathlib import Path

import torch

from common.errors import UserError
from common.files import sha256_of
from common.seeding import random_state
from extract.networks.checkpoints import load_checkpoint
from extract.networks.package_weights import PACKAGE, package_file
from extract.networks.timm_models import check_timm_name, own_size, try_network
from extract.va_cnn.network import VaCnnNetwork
from extract.va_cnn.samples import Samples
from manifests.recipes.recipe import VaCnn

SCRATCH = "scratch"


def refuse_unfit(table: VaCnn) -> None:
    """Refuse at once what would be refused after all files are read.

    Raises:
        UserError: no such model, one that does not take such pictures, or no such weights.
    """
    check_timm_name(table.network)
    if table.initial_weights != SCRATCH and not _weights_file(table).is_file():
        raise UserError(f"there are no initial weights {table.initial_weights}; give a file, timm-package or scratch")
    network = VaCnnNetwork(table.network, 2, table.image_size)
    try_network(network, f"the model {table.network}", table.image_size, own_size(table.network))


def initial_network(table: VaCnn, num_classes: int, training: Samples) -> tuple[VaCnnNetwork, str]:
    """Return the network and, in words, where the weights of its main network are from.

    Args:
        table: which timm model, on pictures of what size, from which weights.
        num_classes: C.
        training: of the training split alone: the least and the greatest coordinate become part of the network.

    Raises:
        UserError: weights that do not fit, skeletons without extent.
    """
    low, high = training.points.min().item(), training.points.max().item()
    if not low < high:
        raise UserError("the training skeletons have no extent: all of their coordinates are the same")
    with random_state(table.seed, 0, torch.device("cpu")):
        if table.initial_weights == SCRATCH:
            return VaCnnNetwork(table.network, num_classes, table.image_size, low, high), "main network from scratch"
        network = VaCnnNetwork(table.network, 0, table.image_size, low, high)
        path = _weights_file(table)
        load_checkpoint(network.main, path, ("timm", "efficientnet-lite"))
        network.main.reset_classifier(num_classes)
        return network, f"main network from {path.name}, sha256 {sha256_of(path)}"


def _weights_file(table: VaCnn) -> Path:
    if table.initial_weights == PACKAGE:
        return package_file(table.network.removeprefix("tf_"))  # timm's name for it
    return Path(table.initial_weights)
