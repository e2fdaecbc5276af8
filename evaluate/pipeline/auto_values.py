"""The values that a recipe leaves to the program, `"auto"`: the backbone with its weights, and the frames of a segment.

They are chosen at the first run and written to `auto.json` in the folder of the results. Later runs take them from
there. So a run that resumes makes the same features, also after weights were downloaded or clips were added.
"""

from pathlib import Path
from statistics import median
from typing import Any

from pydantic import Field

from common.callbacks import Notify
from common.config import Config, parse_config
from common.errors import UserError
from common.files import write_text
from common.run_record import read_record
from evaluate.pipeline.clips import Clips
from evaluate.pipeline.inputs import PipelineInputs
from extract.backbones import BACKBONES, find_backbone
from extract.clip import DecodeError
from extract.decoding.video_file import open_video
from extract.networks.weights import find_weights
from manifests.file_kinds import SKELETON_SUFFIXES, suffix_of
from manifests.manifest import Manifest
from manifests.recipes.data import OTHER
from manifests.recipes.recipe import AUTO, MOST_FRAMES, Extract, Recipe
from manifests.released_weights import read_weights

RECORD = "auto.json"
FOR_SKELETONS = "joint_statistics"  # needs no weights and no training
OFFLINE = "efficientnet_lite0"  # its weights are installed as a Python package
MOST_AUTO_FRAMES = 8  # the paper's number of frames
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
        UserError: clips are videos and skeletons mixed, the record is damaged, or a downloaded file is not the released
            one.
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
    chosen = _recorded(inputs.out / RECORD)
    new = {
        name: _choose(config, clips, weights_folder)
        for name, config in wanted.items()
        if name not in chosen or not _agrees(chosen[name], config)
    }
    chosen |= new
    if new:
        text = parse_record_text(chosen)
        write_text(inputs.out / RECORD, text)
    configs = dict(recipe.stream_configs)
    for name, config in wanted.items():
        values = chosen[name]
        configs[name] = config.model_copy(update=values.model_dump())
        notify(_sentence(name, values, recorded=name not in new))
    return recipe.model_copy(update={"streams": configs} if recipe.streams else {"extract": configs.popitem()[1]})
