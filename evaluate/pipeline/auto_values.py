"""The values that a recipe leaves to the program, `"auto"`: the backbone with its weights, and the frames of a segment.

They are chosen at the first run and written to `auto.json` in the folder of the results. Later runs take them from
there. So a run that resumes makes the same features, also after weights were downloaded or clips were added.
"""

import json
from pathlib import Path
from statistics import median

from pydantic import Field

from common.callbacks import Notify
from common.config import Config, parse_config
from common.errors import UserError
from common.files import write_text
from common.run_record import read_record
from evaluate.pipeline.clips import Clips
from evaluate.pipeline.extraction_plan import refuse_no_files, refuse_no_video_folder
from evaluate.pipeline.inputs import PipelineInputs
from extract.backbones import BACKBONES, find_backbone
from extract.backbones.frame_network import FrameNetwork
from extract.backbones.video_network import VideoNetworkEntry
from extract.clip import DecodeError
from extract.decoding.frame_folder import frame_files
from extract.decoding.video_file import open_video
from extract.networks.package_weights import PACKAGE
from extract.networks.weights import weights_folder as default_weights_folder
from manifests.file_kinds import SKELETON_SUFFIXES, suffix_of
from manifests.manifest import Manifest
from manifests.recipes.data import OTHER
from manifests.recipes.extraction import AUTO, MOST_FRAMES, Extract
from manifests.recipes.recipe import ONLY_STREAM, Recipe
from manifests.released_weights import read_weights
from manifests.video_networks import own_frames

RECORD = "auto.json"
FOR_SKELETONS = "joint_statistics"  # needs no weights and no training
OFFLINE = "efficientnet_lite0"  # its weights are installed as a Python package
TSM_FRAMES = 8  # the paper's number; TSM was trained on 8
MOST_AUTO_FRAMES = 4  # of a network that sees single frames: half the time of 8
SAMPLE = 30  # training clips whose length is looked up


class AutoValues(Config):
    """The values that were chosen for one stream."""

    backbone: str
    weights: str
    frames_per_segment: int = Field(ge=1, le=MOST_FRAMES)


def replace_auto(
    recipe: Recipe, inputs: PipelineInputs, clips: Clips, weights_folder: Path | None, notify: Notify
) -> Recipe:
    """Return the recipe with a value for every "auto". A stream whose cache is given keeps its "auto".

    A recipe for data of your own that says nothing about features has "auto" for all of them, if its files are known.

    Args:
        recipe: as `read_recipe` returns it.
        inputs: the caches that are given, and the folder of the results.
        clips: the clips and their files.
        weights_folder: the folder of downloaded weights; None: the default of `extract.networks.weights`.
        notify: gets a sentence about the values.

    Raises:
        UserError: the manifest lacks the column of a stream or mixes videos and skeletons in it, the folder of its
            files does not exist, or the record is damaged.
    """
    if not recipe.stream_configs and not inputs.caches and clips.root is not None and recipe.data.dataset == OTHER:
        recipe = recipe.model_copy(update={"extract": Extract(frames_per_segment=AUTO)})
    wanted = {
        name: config
        for name, config in recipe.stream_configs.items()
        if name not in inputs.caches and AUTO in (config.backbone, config.frames_per_segment)
    }
    if not wanted:
        return recipe
    for name, config in wanted.items():
        refuse_no_files(recipe.name, name, config, clips.manifest)
    if clips.root is None:
        return recipe  # `plan_extraction` refuses it
    refuse_no_video_folder(recipe, inputs, clips)  # before anything is chosen for files that are not there
    record = inputs.out / RECORD
    recorded = _read(record)
    kept = {name: values for name, values in recorded.items() if name in wanted and _agrees(values, wanted[name])}
    new = {name: _choose(config, clips, weights_folder) for name, config in wanted.items() if name not in kept}
    if new:
        values = {name: each.model_dump() for name, each in (recorded | new).items()}
        write_text(record, json.dumps(values, indent=2) + "\n")
    configs = dict(recipe.stream_configs)
    for name, chosen in {**kept, **new}.items():
        configs[name] = configs[name].model_copy(update=chosen.model_dump())
        of = f" of stream {name}" if recipe.streams else ""
        notify(
            f"features{of}: backbone {chosen.backbone}, weights {chosen.weights}, {chosen.frames_per_segment} frames a "
            f"segment (chosen for these clips and this machine, and kept in {record})"
        )
    return recipe.model_copy(update={"streams": configs} if recipe.streams else {"extract": configs[ONLY_STREAM]})


def _read(record: Path) -> dict[str, AutoValues]:
    """Return the values of an earlier run, by stream; empty: there was none."""
    if not record.exists():
        return {}
    return {name: parse_config(AutoValues, values, str(record)) for name, values in read_record(record).items()}


def _agrees(values: AutoValues, config: Extract) -> bool:
    """Return whether a stream could have these values: whether they are those that the recipe gives, if it does."""
    there = values.model_dump()
    return all(there[key] == given for key, given in config.model_dump(include=set(there)).items() if given != AUTO)


def _choose(config: Extract, clips: Clips, weights_folder: Path | None) -> AutoValues:
    """Return the values for a stream."""
    backbone, weights = config.backbone, config.weights
    if backbone == AUTO:
        backbone, weights = _backbone_of(config.column, clips.manifest, weights_folder)
    frames = config.frames_per_segment
    if frames == AUTO:
        frames = _frames_for(backbone, config, clips)
    return AutoValues(backbone=backbone, weights=weights, frames_per_segment=frames)


def _backbone_of(column: str, manifest: Manifest, weights_folder: Path | None) -> tuple[str, str]:
    """Return the backbone for the files of a column, and its weights, which are on this machine."""
    paths = manifest.clips[column]
    skeletons = [path for path in paths if suffix_of(path, SKELETON_SUFFIXES)]
    if len(skeletons) == len(paths):
        return FOR_SKELETONS, "none"
    if skeletons:
        raise UserError(
            f"column {column!r} of the manifest mixes {len(skeletons)} skeleton files, such as {skeletons[0]}, with "
            "videos, and one backbone takes one of them; give each kind a column of its own"
        )
    folder = weights_folder or default_weights_folder()
    for name, entry in BACKBONES.items():
        released = read_weights().get(entry.default_weights or "")
        if entry.input == "video" and released is not None and (folder / released.file).is_file():
            return name, released.name
    return OFFLINE, PACKAGE


def _frames_for(name: str, config: Extract, clips: Clips) -> int:
    """Return F: as many frames as a segment of most clips has, up to 4; as in the training where frames mix."""
    backbone = find_backbone(name)
    if backbone.input == "skeleton" or isinstance(backbone, VideoNetworkEntry):
        return own_frames(name)
    if isinstance(backbone, FrameNetwork) and backbone.shift:
        return TSM_FRAMES
    if config.segment_seconds is not None:
        return MOST_AUTO_FRAMES
    lengths = _lengths(config.column, clips)
    return max(1, min(MOST_AUTO_FRAMES, int(median(lengths)) // config.segments)) if lengths else MOST_AUTO_FRAMES


def _lengths(column: str, clips: Clips) -> list[int]:
    """Return the numbers of frames of some training clips, as the manifest or the headers of the files give them."""
    rows = clips.manifest.split("train")
    rows = rows.iloc[:: -(-len(rows) // SAMPLE)]
    if column == "path" and "num_frames" in rows:
        return [int(frames) for frames in rows["num_frames"]]
    assert clips.root is not None
    return [length for path in rows[column] if (length := _length(clips.root / path))]


def _length(path: Path) -> int:
    """Return about how many frames a video has by its header; 0: unknown."""
    try:
        if path.is_dir():
            return len(frame_files(path))
        with open_video(path) as (_, stream):
            if stream.frames or not (stream.duration and stream.time_base and stream.average_rate):
                return stream.frames
            return round(stream.duration * stream.time_base * stream.average_rate)
    except DecodeError:
        return 0  # the extraction will say why
