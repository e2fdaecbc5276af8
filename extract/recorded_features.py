"""From the settings of a cache back to what makes the same features: the inverse of `extract.feature_settings`.

A trained model keeps the settings of its features. With these functions new recordings get features of the same kind.
"""

from collections.abc import Mapping
from typing import Any

import torch

from common.config import parse_config
from extract.backbones import find_backbone
from extract.backbones.blazepose import WEIGHTS as MEDIAPIPE
from extract.decoding.decoders import DECODERS
from extract.networks.package_weights import PACKAGE, package_file
from extract.poses.folder import PoseConfig, PoseMachine, pose_settings
from extract.poses.settings import PoseSettings
from extract.skeletons.joint_list import JointList
from manifests.recipes.extraction import Extract
from manifests.released_weights import read_weights

RECORDED = ("backbone", "column", "frames_per_segment", "pictures", "segment_seconds", "frame_rate")
NAMED = ("none", "random", MEDIAPIPE)  # weights that are no single file


def recorded_weights_name(settings: Mapping[str, Any]) -> str | None:
    """Return the name under which any machine can have the weights of a backbone; None: they are a file of the user."""
    file = str(settings.get("weights"))
    if file in NAMED:
        return file
    backbone = str(settings.get("backbone"))
    if find_backbone(backbone).default_weights == PACKAGE and package_file(backbone).name == file:
        return PACKAGE
    return next((name for name, own in read_weights().items() if (own.file, own.backbone) == (file, backbone)), None)


def recorded_config(settings: Mapping[str, Any], weights: str, num_segments: int) -> Extract:
    """Return the section `extract` of a recipe that makes features of these settings.

    Args:
        settings: of the cache.
        weights: as a recipe names them.
        num_segments: N.

    Raises:
        UserError: the settings have a value that this version does not know.
    """
    wanted = {key: settings[key] for key in RECORDED if key in settings}
    size = settings["preprocess"]["crop"] if "preprocess" in settings else None
    if weights == "random":
        size = settings.get("image_size", size)  # of a VA-CNN
    sections = {"weights": weights, "segments": num_segments, "image_size": size}
    precision = {"precision": settings["precision"]} if "precision" in settings else {}
    return parse_config(Extract, {**wanted, **sections, **precision}, "the recorded settings")


def recorded_joint_list(settings: Mapping[str, Any]) -> JointList | None:
    """Return the joint list of the skeletons of a cache; None: they had none."""
    if not {"joints", "centre", "unit", "zeros_mean_unseen"} <= settings.keys():
        return None
    names = tuple(settings["joints"])
    return JointList(names, names.index(settings["centre"]), settings["unit"], settings["zeros_mean_unseen"])


def recorded_poses(settings: Mapping[str, Any]) -> PoseSettings | None:
    """Return how the joints in the videos of a cache were made, with the files on this machine; None: there are none.

    Raises:
        UserError: the model is not on this machine.
    """
    if "poses" not in settings:
        return None
    own = {name: value for name, value in settings["poses"].items() if name in PoseConfig.model_fields}
    return pose_settings(parse_config(PoseConfig, own, "the recorded settings"), PoseMachine())


def recorded_decoder(settings: Mapping[str, Any]) -> str:
    """Return the decoder of videos. On a machine without a GPU, PyAV gives the pixels that a GPU's decoder gives."""
    recorded = str(settings.get("decoder", ""))
    name = next((name for name, decoder in DECODERS.items() if recorded.startswith(f"{decoder.recorded_as} ")), "pyav")
    return "pyav" if DECODERS[name].on_gpu and not torch.cuda.is_available() else name
