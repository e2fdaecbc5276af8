"""model.json beside exported graphs: what another program needs to know to use them, in numbers and in words.

It has other content than the model.json of a model that this project reads (`distill.model_description`).
"""

import json
from pathlib import Path
from typing import Any

from common.config import Config
from common.files import write_text
from distill.model_description import MODEL
from manifests.released_weights import read_weights

KIND = "early-recognition graphs"
SEGMENTS = (
    "A recording has T frames, which are counted from 0, and N segments. Segment n = 1 ... N has the frames from start "
    "to end - 1 with end = max(floor(n T / N), 1) and start = min(floor((n - 1) T / N), end - 1)."
)
FRAMES = (
    "The network sees F frames of a segment of L = end - start frames: frame i = 0 ... F - 1 of them is "
    "start + floor(L (2 i + 1) / (2 F)). A short segment repeats frames."
)
SEGMENTS_OF_TIME = (
    "A segment lasts S seconds, `segment_seconds` in the settings of the streams, from the first frame on. A recording "
    "has as many segments as it lasts, N at most; what follows is another recording."
)
FRAMES_OF_TIME = (
    "The network sees F frames of a segment of S seconds: frame i = 0 ... F - 1 of segment n is the one that is shown "
    "S (n - 1) + S (2 i + 1) / (2 F) seconds after the first frame. A short segment repeats frames."
)
STATE = (
    "Before the first segment of a recording the state is zeros, float32, (batch, width). After each segment the graph "
    "gives the next state."
)


class TensorDescription(Config):
    """An input or output of a graph, float32."""

    name: str
    shape: list[int | str]  # "batch" is any length


class GraphDescription(Config):
    """One graph."""

    file: str  # the file to open
    inputs: list[TensorDescription]  # in order
    outputs: list[TensorDescription]  # in order


class WeightsDescription(Config):
    """Where the weights of a backbone come from."""

    file: str
    sha256: str
    name: str | None  # under which this project knows them; None: a file of the user, or random
    source: str | None  # the public repository that released them
    note: str | None
    licence: str | None  # as recorded with the features; None: an earlier version recorded none, or there is none


class ImagesDescription(Config):
    """How the frames of a video become the input of a backbone."""

    frames_per_segment: int  # F
    frames: str  # which frames of a segment, in words
    resize: int
    crop: int  # the side of the image
    aspect: str
    interpolation: str
    mean: list[float]  # red, green, blue, of values in 0 ... 1
    std: list[float]
    steps: list[str]  # all of it in words


class StreamGraph(Config):
    """One stream: its backbone, and what the backbone takes."""

    takes: str  # "video" or "skeleton"
    backbone: GraphDescription
    images: ImagesDescription | None  # None: the images are drawn from skeletons
    note: str | None  # on images that are drawn from skeletons
    state: str | None  # of a backbone that carries one from segment to segment, in words; None: it has none
    weights: WeightsDescription
    settings: dict[str, Any]  # of the features that the model has learnt from, as recorded in their cache


class GraphsDescription(Config):
    """The content of model.json."""

    kind: str
    format: str
    summary: str
    method: str  # its name in recipes
    title: str
    seeds: list[int]
    classes: list[str]  # in the order of the probabilities
    num_segments: int  # N
    observation_ratios: list[float]  # n / N: the share seen after segment n; empty if segments last a fixed time
    segments: str  # which frames belong to a segment, in words
    streams: dict[str, StreamGraph]
    step: GraphDescription
    initial_state: str  # in words
    state_width: int
    protocol: str  # of the clips that the model was trained on
    sha256: dict[str, str]  # of each file
    versions: dict[str, dict[str, str]]  # of the training and of the export


def holds_graphs(folder: Path) -> bool:
    """Return whether a folder has the model.json of exported graphs."""
    try:
        content = json.loads((folder / MODEL).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and content.get("kind") == KIND


def write_graphs_description(folder: Path, description: GraphsDescription) -> None:
    """Write model.json into a folder."""
    text = json.dumps(description.model_dump(mode="json"), indent=2, ensure_ascii=False)
    write_text(folder / MODEL, text + "\n")


def describe_images(settings: dict[str, Any]) -> ImagesDescription:
    """Return how frames become images, from the settings of a cache of videos."""
    own = settings["preprocess"]
    resize, crop, frames = own["resize"], own["crop"], settings["frames_per_segment"]
    if own["aspect"] == "kept":
        size = f"its shorter side has {resize} pixels and the other floor({resize} x longer / shorter)"
    else:
        size = f"it has {resize} x {resize} pixels; the aspect is not kept"
    return ImagesDescription(
        frames_per_segment=frames,
        frames=FRAMES if settings.get("segment_seconds") is None else FRAMES_OF_TIME,
        resize=resize,
        crop=crop,
        aspect=own["aspect"],
        interpolation=own["interpolation"],
        mean=own["mean"],
        std=own["std"],
        steps=[
            f"Decode the frame upright, as RGB with 8 bits ({settings['frames_rule']}).",
            f"Resize it so that {size}, with the {own['interpolation']} filter of Pillow's Image.resize, which smooths "
            "where it shrinks and rounds to whole grey levels after each of its two passes.",
            f"Cut the central square of {crop} x {crop} pixels: it begins at row round((height - {crop}) / 2) and at "
            f"column round((width - {crop}) / 2), with halves rounded to the even number.",
            "Subtract 255 x mean and divide by 255 x std, for each channel.",
            f"Stack the {frames} frames of a segment in their order: (batch, {frames}, 3, {crop}, {crop}).",
        ],
    )


def describe_weights(settings: dict[str, Any], name: str | None) -> WeightsDescription:
    """Return what is recorded about the weights of a backbone.

    Args:
        settings: of the cache.
        name: under which any machine can have the weights; None: they are a file of the user.
    """
    released = read_weights().get(name or "")
    return WeightsDescription(
        file=str(settings["weights"]),
        sha256=str(settings["weights_sha256"]),
        name=name,
        source=released.source if released else None,
        note=(released.note or None) if released else None,
        licence=settings.get("licence"),
    )
