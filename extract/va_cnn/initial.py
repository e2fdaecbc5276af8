"""The initial network of a VA-CNN's training: its size, the extremes of the training data, its initial weights."""

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
from manifests.recipes.extraction import VaCnn

SCRATCH = "scratch"


def refuse_unfit(config: VaCnn) -> None:
    """Refuse a config that cannot work, before the files are read.

    Raises:
        UserError: there is no such model, it does not take pictures of this size, or there are no such weights.
    """
    check_timm_name(config.network)
    if config.initial_weights != SCRATCH and not _weights_file(config).is_file():
        raise UserError(f"there are no initial weights {config.initial_weights}; give a file, timm-package or scratch")
    network = VaCnnNetwork(config.network, 2, config.image_size)
    try_network(network, f"the model {config.network}", config.image_size, own_size(config.network))


def initial_network(config: VaCnn, num_classes: int, training: Samples) -> tuple[VaCnnNetwork, str]:
    """Return the network, and a sentence about the weights of its main network.

    Args:
        config: the timm model, the size of its pictures, and its weights.
        num_classes: C.
        training: samples of the training split; their smallest and largest coordinate become part of the network.

    Raises:
        UserError: the weights do not fit, or all coordinates are equal.
    """
    low, high = training.points.min().item(), training.points.max().item()
    if not low < high:
        raise UserError("the training skeletons have no extent: all of their coordinates are the same")
    with random_state(config.seed, 0, torch.device("cpu")):
        if config.initial_weights == SCRATCH:
            return VaCnnNetwork(config.network, num_classes, config.image_size, low, high), "main network from scratch"
        network = VaCnnNetwork(config.network, 0, config.image_size, low, high)
        path = _weights_file(config)
        load_checkpoint(network.main, path, ("timm", "efficientnet-lite"))
        network.main.reset_classifier(num_classes)
        return network, f"main network from {path.name}, sha256 {sha256_of(path)}"


def _weights_file(config: VaCnn) -> Path:
    if config.initial_weights == PACKAGE:
        return package_file(config.network.removeprefix("tf_"))  # timm's name for it
    return Path(config.initial_weights)
