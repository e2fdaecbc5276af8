"""Image models of timm to begin with: their size, counted here, and the licence that timm states for their weights."""

import timm
import torch
from markdown_text import cell, table
from torch.utils.flop_counter import FlopCounterMode

from extract.backbones.any_timm import PREFIX, timm_preprocess
from extract.backbones.efficientnet_lite import EFFICIENTNET_LITE0
from extract.networks.package_weights import LICENCE
from extract.networks.timm_models import own_weights
from manifests.timm_models import FREE, RECOMMENDED


def markdown() -> str:
    """Return a table of EfficientNet-Lite0 and of the recommended models."""
    lite = EFFICIENTNET_LITE0
    rows = [row("efficientnet_lite0", lite.timm_name, lite.preprocess.crop, LICENCE)]
    for name in RECOMMENDED:
        rows.append(row(f"{PREFIX}{name}", name, timm_preprocess(name).crop, own_weights(name).licence))
    head = ("`backbone`", "image", "million parameters", "GFLOP an image", "D", "licence of the weights", "any use")
    return table(head, rows)


def row(backbone: str, name: str, side: int, licence: str) -> tuple[str, ...]:
    """Return what is known of a model. It is built without weights and without values, to count only."""
    with torch.device("meta"), torch.no_grad(), FlopCounterMode(display=False) as counter:
        network = timm.create_model(name, pretrained=False, num_classes=0).eval()
        dimension = network(torch.zeros(1, 3, side, side)).shape[1]
    parameters = sum(each.numel() for each in network.parameters())
    free = "yes" if licence.lower() in FREE else "**no**"
    size = f"{parameters / 1e6:.1f}", f"{counter.get_total_flops() / 1e9:.1f}", str(dimension)
    return (f"`{backbone}`", f"{side} x {side}", *size, cell(licence), free)
