"""The settings of a cache: everything that decides a value in it, with the versions of the code that computed it."""

from importlib.metadata import version
from typing import Any

import av

from extract.decoding.decode import FRAMES_RULE
from extract.decoding.decoders import DECODERS
from extract.machine import Machine
from extract.networks.backbone import Input
from extract.networks.segment_network import SegmentNetwork
from extract.segments import SEGMENT_RULE
from manifests.recipes.recipe import Extract


def feature_settings(config: Extract, machine: Machine, network: SegmentNetwork) -> dict[str, Any]:
    """Return every setting that decides a value of the features."""
    recording = recording_settings(config, machine.decoder, network.backbone.input)
    return {**recording, **network.backbone.settings, **network.settings}


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
    return {
        "column": config.column,
        "segments": config.segments,
        "segment_rule": SEGMENT_RULE,
        **(video if kind == "video" else {"decoder": "skeleton"}),
        "torch": version("torch"),
        "timm": version("timm"),
        "code": version("early-recognition"),
    }
