"""model.json: everything beside the weights that is needed to recognise new recordings with a trained model.

It has the classes in order, the number of segments N, and for each stream the settings of its feature cache, which
decide what a feature is. So neither the recipe nor the manifest nor the cache is needed. A run folder has one network;
a model that was exported may have several, whose probabilities are averaged.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from common.config import Config, parse_config
from common.errors import UserError
from common.files import write_text
from common.run_record import differences, read_record
from common.training_run import WEIGHTS
from distill.feature_set import FeatureSet
from distill.models import Kind
from distill.training_plan import TrainingPlan
from distill.training_state import ModelId
from extract.segments import SECONDS_RULE, SEGMENT_RULE
from extract.shards.settings import decisive_settings

MODEL = "model.json"
FORMAT: Literal[1] = 1

StreamSettings = Mapping[str, Mapping[str, Any]]  # the settings of a feature cache, by stream
OF_THE_CLIPS = ("manifest_sha256", "column")  # settings of a cache that say which files it is about
Listed = Field(strict=False)  # JSON has lists and no tuples


class StreamDescription(Config):
    """One stream of features that a model takes."""

    settings: dict[str, Any]  # of its feature cache: everything that decides a value
    weights_file: str | None = None  # of its backbone, relative to model.json; None: they are found by their name


class NetworkDescription(Config):
    """One trained network of a model."""

    weights_file: str  # relative to model.json
    weights_sha256: str
    seed: int
    kind: Kind
    feature_dim: int  # D, over all of its streams
    streams: Annotated[tuple[str, ...], Listed]  # in the order in which their features are concatenated


class ModelDescription(Config):
    """The content of model.json."""

    format: Literal[1]
    method: str  # its name in recipes
    title: str  # its name in tables
    classes: Annotated[tuple[str, ...], Listed]  # in the order of the network's outputs
    num_segments: int  # N
    # n/N: the output after segment n has seen this share. Empty where segments last a fixed time.
    observation_ratios: Annotated[tuple[float, ...], Listed]
    segment_rule: str  # which frames belong to a segment
    sees_future: bool  # the output after segment n depends on later segments, as that of a teacher does
    standardisation: Literal["folded into the weights", "none"]  # either way, the network takes the cache's features
    protocol: str  # of the clips it was trained on
    streams: dict[str, StreamDescription]
    networks: Annotated[tuple[NetworkDescription, ...], Listed]
    versions: dict[str, str]  # of the training


def describe_model(
    model: ModelId, plan: TrainingPlan, data: FeatureSet, weights_sha256: str, versions: Mapping[str, str]
) -> ModelDescription:
    """Return the description of a model that was just trained into its run folder.

    Args:
        model: method and seed.
        plan: how it was trained.
        data: what it was trained on.
        weights_sha256: of its weights file.
        versions: of the packages that it was trained with.
    """
    method, levels = plan.trained[model.method].method, data.num_segments
    network = NetworkDescription(
        weights_file=WEIGHTS,
        weights_sha256=weights_sha256,
        seed=model.seed,
        kind=method.network,
        feature_dim=data.feature_dim,
        streams=tuple(data.streams),
    )
    return ModelDescription(
        format=FORMAT,
        method=model.method,
        title=method.title,
        classes=data.classes,
        num_segments=data.num_segments,
        observation_ratios=() if data.has_lengths else tuple(level / levels for level in range(1, levels + 1)),
        segment_rule=SECONDS_RULE if data.has_lengths else SEGMENT_RULE,
        sees_future=method.sees_future,
        standardisation="folded into the weights" if plan.training.standardize else "none",
        protocol=data.protocol,
        streams={name: StreamDescription(settings=dict(settings)) for name, settings in data.streams.items()},
        networks=(network,),
        versions=dict(versions),
    )


def segment_seconds(description: ModelDescription) -> float | None:
    """Return how long a segment of a model lasts, the same in all streams; None: N share the length of a clip."""
    seconds: float | None = next(iter(description.streams.values())).settings.get("segment_seconds")
    return seconds


def write_description(folder: Path, description: ModelDescription) -> None:
    """Write model.json into a folder, atomically."""
    text = json.dumps(description.model_dump(mode="json"), indent=2, ensure_ascii=False)
    write_text(folder / MODEL, text + "\n")


def read_description(folder: Path) -> ModelDescription:
    """Return the content of the model.json of a folder.

    Raises:
        UserError: it is missing, damaged, or of another version of the format.
    """
    path = folder / MODEL
    content = read_record(path)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise UserError(
            f"{path} is no description of a model in format {FORMAT}; remove it, and run the same `reproduce` again"
        )
    return parse_config(ModelDescription, content, str(path))


def refuse_other_features(folder: Path, streams: StreamSettings) -> None:
    """Refuse features that the trained model of a folder has not learnt from. Without a model.json, do nothing.

    Args:
        folder: the run folder.
        streams: the settings of the features that the model is to get, by stream, in order.

    Raises:
        UserError: a setting that decides a value differs; the sentence names it.
    """
    if not (folder / MODEL).exists():
        return
    described = read_description(folder).streams
    if differing := other_features({name: stream.settings for name, stream in described.items()}, streams):
        raise UserError(
            f"{folder} was trained on other features ({', '.join(differing)}); give it features with its own settings, "
            "or train it on these"
        )


def other_features(trained: StreamSettings, given: StreamSettings) -> list[str]:
    """Return the settings in which features differ, as in `frames_per_segment: 8 there, 4 wanted`; empty: they fit.

    What only says on which machine a feature was computed is not compared. A single stream may have any name.

    Args:
        trained: by stream, the settings of the features that a model has learnt from.
        given: those of the features that it is to get.
    """
    if len(trained) == len(given) == 1:
        there, wanted = (_compared(next(iter(streams.values()))) for streams in (trained, given))
        return differences(there, wanted)
    if list(trained) != list(given):
        return [f"streams: {', '.join(trained)} there, {', '.join(given)} wanted"]
    return [
        line for name in trained for line in differences(_compared(trained[name]), _compared(given[name]), prefix=name)
    ]


def _compared(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that decide the feature of a file, with the checksum of weights and not their name."""
    decisive = {key: value for key, value in decisive_settings(settings).items() if key not in OF_THE_CLIPS}
    if "weights_sha256" in decisive:
        decisive.pop("weights", None)
    return decisive
