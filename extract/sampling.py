"""The settings of a cache that say what of each recording was taken, by what. The backbone has its own."""

from importlib.metadata import version
from typing import Any

import av

from extract.decoding.decode import FRAMES_RULE
from extract.decoding.decoders import DECODERS
from extract.networks.backbone import Input
from extract.segments import SEGMENT_RULE
from manifests.recipes.recipe import Extract


def sampling_settings(recipe: Extract, decoder: str, kind: Input) -> dict[str, Any]:
    """Return the settings that say which frames were taken, by what, and which code made features of them.

    Args:
        recipe: which frames.
        decoder: of videos.
        kind: of the files.
    """
    video = {
        "frames_per_segment": recipe.frames_per_segment,
        "decoder": f"{DECODERS[decoder].recorded_as} {version(DECODERS[decoder].package)}",
        "frames_rule": FRAMES_RULE,
        "libavcodec": ".".join(map(str, av.library_versions["libavcodec"])),
        "pictures_decoder": f"pillow {version('pillow')}",  # of recordings that are folders of pictures
    }
    return {
        "column": recipe.column,
        "segments": recipe.segments,
        "segment_rule": SEGMENT_RULE,
        **(video if kind == "video" else {"decoder": "skeleton"}),
        "torch": version("torch"),
        "timm": version("timm"),
        "code": version("early-recognition"),
    }
