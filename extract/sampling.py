"""The settings of a cache that say what of each recording was taken, by what. The backbone has its own."""

from importlib.metadata import version
from typing import Any

import av

from extract.backbone import Input
from extract.segments import SEGMENT_RULE
from manifests.recipe import Extract


def sampling_settings(recipe: Extract, decoder: str, kind: Input, folders: bool = False) -> dict[str, Any]:
    """Return the settings that say which frames were taken, by what, and which code made features of them.

    Args:
        recipe: which frames.
        decoder: of videos.
        kind: of the files.
        folders: the videos are folders of pictures.
    """
    video = {
        "frames_per_segment": recipe.frames_per_segment,
        "decoder": f"{decoder} {version('av' if decoder == 'pyav' else decoder)}",
        "libavcodec": ".".join(map(str, av.library_versions["libavcodec"])),
    }
    return {
        "segments": recipe.segments,
        "segment_rule": SEGMENT_RULE,
        **(video if kind == "video" else {"decoder": "skeleton"}),
        **({"pictures_decoder": f"pillow {version('pillow')}"} if folders else {}),
        "torch": version("torch"),
        "timm": version("timm"),
        "code": version("early-recognition"),
    }
