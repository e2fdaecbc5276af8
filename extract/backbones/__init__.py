"""The backbones: one file each, and the dict of their entries.

A new backbone is a file with an entry, and a line in `BACKBONES`. `--backbone`, recipes and the Python API follow from
the entry. A name that ends in ":NAME" stands for a family, whose members are named after the colon, as `timm:resnet18`.
"""

import difflib
from pathlib import Path

from common.errors import UserError
from extract.backbones.any_timm import ANY_TIMM
from extract.backbones.blazepose import BLAZEPOSE
from extract.backbones.efficientnet_lite import EFFICIENTNET_LITE0
from extract.backbones.entry import BackboneEntry
from extract.backbones.joint_statistics import JOINT_STATISTICS
from extract.backbones.joints import JOINTS
from extract.backbones.movinet import MOVINET
from extract.backbones.tsm import (
    TSM_MOBILENETV2,
    TSM_MOBILENETV2_ONLINE,
    TSM_RESNET50,
    TSM_RESNET50_NL,
    TSM_RESNET50_ONLINE,
    TSN_RESNET50,
)
from extract.backbones.two_person_statistics import TWO_PERSON_STATISTICS
from extract.backbones.v_jepa2 import V_JEPA2, V_JEPA2_1
from extract.backbones.va_cnn import VA_CNN
from extract.backbones.videomae import VIDEOMAE
from extract.backbones.x3d import X3D
from extract.networks.backbone import Backbone
from manifests.recipes.extraction import Extract

__all__ = ["BACKBONES", "BackboneEntry", "choose_weights", "find_backbone", "load_backbone"]

BACKBONES: dict[str, BackboneEntry] = {
    "tsm_resnet50": TSM_RESNET50,
    "tsm_resnet50_nl": TSM_RESNET50_NL,
    "tsm_resnet50_online": TSM_RESNET50_ONLINE,
    "tsm_mobilenetv2": TSM_MOBILENETV2,
    "tsm_mobilenetv2_online": TSM_MOBILENETV2_ONLINE,
    "tsn_resnet50": TSN_RESNET50,
    "efficientnet_lite0": EFFICIENTNET_LITE0,
    "timm:NAME": ANY_TIMM,
    "x3d:NAME": X3D,
    "movinet:NAME": MOVINET,
    "videomae:NAME": VIDEOMAE,
    "v_jepa2:NAME": V_JEPA2,
    "v_jepa2_1:NAME": V_JEPA2_1,
    "blazepose:NAME": BLAZEPOSE,
    "va_cnn": VA_CNN,
    "joints": JOINTS,
    "joint_statistics": JOINT_STATISTICS,
    "two_person_statistics": TWO_PERSON_STATISTICS,
}


def find_backbone(name: str) -> BackboneEntry:
    """Return the entry of a backbone.

    Raises:
        UserError: there is none of this name, with the nearest names.
    """
    family, colon, _ = name.partition(":")
    key = f"{family}:NAME" if colon else name
    if key in BACKBONES:
        return BACKBONES[key]
    known = [member for key, entry in BACKBONES.items() for member in entry.names(key)]
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.3) or list(BACKBONES)
    raise UserError(f"there is no backbone {name}; near are {', '.join(near)}")


def choose_weights(backbone: str, weights: str | None) -> str:
    """Return the weights that are given, or where none are given those that belong to the backbone.

    Raises:
        UserError: the backbone is unknown, or no weights belong to it.
    """
    chosen = find_backbone(backbone).default_weights if weights is None else weights
    if chosen is None:
        raise UserError(
            f"the backbone {backbone} has no weights of its own: give weights (--weights), by a name of "
            "`python -m extract weights list` or as a file; random weights are called random"
        )
    return chosen


def load_backbone(config: Extract, weights_folder: Path | None = None, seed: int = 0) -> Backbone:
    """Load the backbone that a recipe's section `extract` names, with its weights.

    Args:
        config: the section: backbone, weights, and what else the backbone needs of it.
        weights_folder: the folder of downloaded weights; None: `extract.networks.weights.weights_folder()`.
        seed: decides random weights, and nothing else.

    Raises:
        UserError: the backbone or the weights are unknown, the weights belong to another backbone, their file is
            missing or does not fit, or the network does not take images of this size.
    """
    return find_backbone(config.backbone).load(config, weights_folder, seed)
