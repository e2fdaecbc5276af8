"""The settings of a cache: everything that decides a value in it, with the versions of the code that computed it.

A joint list of skeletons is one of them, so it is looked up here.
"""

from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

import av

from common.errors import UserError
from extract.decoding.decode import FRAMES_RULE
from extract.decoding.decoders import DECODERS
from extract.machine import Machine
from extract.networks.backbone import Backbone, Input
from extract.networks.segment_network import SegmentNetwork
from extract.segments import SECONDS_RULE, SEGMENT_RULE, SegmentTime
from extract.skeletons.joint_list import JointList
from extract.skeletons.joint_list_file import find_joint_list, joint_settings
from manifests.recipes.extraction import Extract


def feature_settings(
    config: Extract, machine: Machine, network: SegmentNetwork, joint_list: JointList | None = None
) -> dict[str, Any]:
    """Return every setting that decides a value of the features.

    Args:
        config: what decides the features.
        machine: what they are made with.
        network: the network on its device.
        joint_list: of the skeletons; None: there is none.
    """
    recording = recording_settings(config, machine.decoder, network.backbone.files)
    if network.backbone.poses:
        recording.pop("frames_per_segment")  # the joints of all frames are taken
    return {**recording, **joint_settings(joint_list), **network.backbone.settings, **network.settings}


def recording_settings(config: Extract, decoder: str, kind: Input) -> dict[str, Any]:
    """Return the settings that say which frames of a recording are taken, and which packages decode and compute.

    Args:
        config: says which frames.
        decoder: of videos.
        kind: of the recordings, "video" or "skeleton".
    """
    video = {
        "frames_per_segment": config.frames,
        "decoder": f"{DECODERS[decoder].recorded_as} {version(DECODERS[decoder].package)}",
        "frames_rule": FRAMES_RULE,
        "libavcodec": ".".join(map(str, av.library_versions["libavcodec"])),
        "pictures_decoder": f"pillow {version('pillow')}",  # of recordings that are folders of pictures
    }
    seconds = config.model_dump(include={"segment_seconds", "frame_rate"})  # without those that are left out
    return {
        "column": config.column,
        "segments": config.segments,
        "segment_rule": SECONDS_RULE if seconds else SEGMENT_RULE,
        **seconds,
        **(video if kind == "video" else {"decoder": "skeleton"}),
        "torch": version("torch"),
        "timm": version("timm"),
        "code": version("early-recognition"),
    }


def segment_time(config: Extract) -> SegmentTime | None:
    """Return how long a segment lasts; None: the N segments share the length of a clip."""
    return None if config.segment_seconds is None else SegmentTime(config.segment_seconds, config.frame_rate)


def find_joints(backbone: Backbone, root: str, paths: Iterable[str]) -> JointList | None:
    """Return the joint list of the clips that a backbone takes; None: it takes videos, or there is no list.

    Args:
        backbone: what is computed.
        root: the folder or URL that paths are relative to.
        paths: of the clips.

    Raises:
        UserError: the list is not valid, or the network was trained on skeletons with another one.
    """
    if backbone.files != "skeleton":
        return None
    joint_list = find_joint_list(root, paths)
    refuse_other_joints(backbone, joint_list)
    return joint_list


def refuse_other_joints(backbone: Backbone, joint_list: JointList | None) -> None:
    """Check that a network was trained on skeletons with the same joint list.

    Raises:
        UserError: it was trained with another one; the sentence has the differences. Or it is no network and knows the
            joints of files without a list only.
    """
    here = joint_settings(joint_list)
    if here and backbone.trained_joints == {} and backbone.settings["weights"] == "none":
        raise UserError(
            f"{backbone.settings['backbone']} takes the joints of Kinect v1 and v2 in their own order, without a joint "
            "list; use joint_statistics for other joints, or remove the list if the order is Kinect's"
        )
    if backbone.trained_joints is not None and backbone.trained_joints != here:
        there = backbone.trained_joints
        keys = sorted(key for key in there.keys() | here.keys() if there.get(key) != here.get(key))
        differences = "; ".join(f"{key}: {there.get(key)} there, {here.get(key)} here" for key in keys)
        raise UserError(f"the network was trained on skeletons with another joint list ({differences}); train it again")
