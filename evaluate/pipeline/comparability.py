"""The reasons why a run cannot be compared with a published row, and remarks on runs that can.

A run is the published experiment if protocol, clips, labels and the definition of the AUC are the published ones, the
features are those of the bundled recipe, and the run has finished all seeds of its own recipe. The students may be
trained differently from the bundled recipe; a remark then says so.
"""

import functools
import json
from collections.abc import Iterator
from typing import Any

from common.run_record import differences
from distill.whole_recipe import complete_recipe
from evaluate.pipeline.finished_run import CacheProvenance, FinishedRow, Provenance
from evaluate.pipeline.scoring_plan import METHOD
from evaluate.pipeline.stream_cache import COMPARED_VA_CNN, va_cnn_config
from evaluate.scoring.tolerance import TOLERANCES
from extract.backbones import find_backbone
from extract.backbones.frame_network import FrameNetwork
from manifests.published import RATIOS, WHOLE, Published
from manifests.recipes.extraction import TRAIN, Extract
from manifests.recipes.recipe import Recipe, read_recipe
from manifests.recipes.recipe_files import RECIPES
from manifests.released_weights import read_weights

MADE_HERE = {"TSM", "VA-CNN"}  # published features that a bundled recipe makes
NOT_DECISIVE = {"name", "base", "methods", "seeds"}  # keys of a recipe in which rows of one run differ


@functools.cache
def bundled_recipe(protocol: str, labels: str) -> Recipe:
    """Return the bundled recipe of the published rows, which has the paper's method; all their methods share it.

    Args:
        protocol: of the rows.
        labels: the share of training labels; `TOLERANCES` has an entry for both.
    """
    files = [path for folder in (RECIPES, RECIPES / "rows") for path in sorted(folder.glob("*.toml"))]
    return next(
        recipe
        for recipe in map(read_recipe, files)
        if (recipe.data.protocol, recipe.labels.share) == (protocol, labels)
        and recipe.data.classes is None
        and METHOD in recipe.methods
    )


def reasons_against_any_run(row: Recipe, published: Published | None) -> Iterator[str]:
    """Yield why no run of this row could be compared with the published row."""
    if published is None:
        yield f"nothing is published of it under {row.data.protocol} with {row.labels.share} of the training labels"
        return
    if not set(published.features.split(" + ")) <= MADE_HERE:
        yield f"the published row was measured on {published.features} features, which nothing here makes"
    if published.mark != "verified":
        yield f"the published row is {published.mark}: {published.source}"
    if published.auc is not None and published.auc_kind != "mean-of-ten":
        yield "its AUC has another definition, or one that is not stated"
    if (row.data.protocol, row.labels.share) not in TOLERANCES:
        yield f"no tolerance is set for {row.data.protocol} with {row.labels.share} of the training labels"


def reasons_against_run(row: Recipe, bundled: Recipe, own: FinishedRow) -> Iterator[str]:
    """Yield why this run is not the published experiment.

    Args:
        row: the recipe of the row.
        bundled: the bundled recipe of the published rows.
        own: the row of the run.
    """
    missing = [seed for seed in row.seeds if seed not in own.provenance]
    if missing or own.seeds != len(row.seeds):
        there = min(own.seeds, len(row.seeds) - len(missing))
        yield f"the run is not finished: its table is of {there} of the recipe's {len(row.seeds)} seeds"
    if own.protocol != row.data.protocol:
        kind = "a subset" if own.protocol.endswith("-subset") else "another protocol"
        yield f"the run is of {own.protocol}, {kind}; the published row is of {row.data.protocol}"
    if len(own.accuracy) != len(RATIOS):
        yield f"the run has {len(own.accuracy)} segments; the published row has {len(RATIOS)}"
    of_seeds = [own.provenance[seed] for seed in row.seeds if seed in own.provenance]
    if any(provenance.random_weights for provenance in of_seeds):
        yield "the features are of a network with random weights"
    # Several seeds may yield the same sentence; each sentence is kept once.
    yield from dict.fromkeys(reason for each in of_seeds for reason in _reasons_of_seed(row, bundled, own, each))


def _reasons_of_seed(row: Recipe, bundled: Recipe, own: FinishedRow, provenance: Provenance) -> Iterator[str]:
    """Yield why the predictions of one seed are of another experiment."""
    clips = provenance.clips
    size = (provenance.num_classes, clips.get("train", 0) + clips.get("validation", 0), clips.get("test", 0))
    if own.protocol == row.data.protocol and WHOLE.get(own.protocol) != size:
        yield f"{size[0]} classes, {size[1]} training and {size[2]} test clips are not the whole of {own.protocol}"
    yield from _other_features(bundled, provenance)
    wanted = json.loads(row.model_dump_json(exclude=NOT_DECISIVE))
    there = {key: value for key, value in provenance.recipe.items() if key not in NOT_DECISIVE}
    if differing := differences(there, wanted):
        yield f"the run has other settings than the recipe ({', '.join(differing)})"


def _other_features(bundled: Recipe, provenance: Provenance) -> Iterator[str]:
    """Yield how the features of one seed differ from the bundled recipe's. The names of the streams do not matter."""
    there = sorted(str(cache.settings.get("backbone")) for cache in provenance.caches.values())
    configs = {config.backbone: config for config in bundled.stream_configs.values()}
    if there != sorted(configs):
        yield (
            f"the features are of {' + '.join(there) or 'an unknown backbone'}; "
            f"recipe {bundled.name} has {' + '.join(sorted(configs))}"
        )
        return
    for cache in provenance.caches.values():
        backbone = str(cache.settings["backbone"])
        wanted = _expected_settings(configs[backbone])
        known = {key: cache.settings[key] for key in wanted if key in cache.settings}
        differing = differences(known, {key: wanted[key] for key in known})
        differing += [f"{key}: not stated there" for key in wanted if key not in known]
        if configs[backbone].weights != TRAIN and (file := _weights(cache)) not in _released(backbone):
            differing.insert(0, f"weights: {file} there, a released file wanted")
        if differing:
            yield f"the features of {backbone} differ from those of recipe {bundled.name} ({', '.join(differing)})"


def _expected_settings(config: Extract) -> dict[str, Any]:
    """Return the settings of a cache whose features are those of a bundled recipe's stream, without its weights."""
    if config.weights == TRAIN:  # every run has weights of its own; how they are trained is compared instead
        va_cnn = va_cnn_config(config)
        network = va_cnn.model_dump(include=COMPARED_VA_CNN) | {"timm_model": va_cnn.network}
        return config.model_dump(include={"segments", "pictures"}) | network
    backbone = find_backbone(config.backbone)
    assert isinstance(backbone, FrameNetwork)  # the bundled recipes train every other backbone first
    preprocess = backbone.preprocess.as_settings()
    return config.model_dump(include={"segments", "frames_per_segment"}) | {"preprocess": preprocess}


def _weights(cache: CacheProvenance) -> str:
    return str(cache.settings.get("weights"))


def _released(backbone: str) -> set[str]:
    """Return the released files of a backbone. The paper does not say which of them it used."""
    return {entry.file for entry in read_weights().values() if entry.backbone == backbone}


def remarks_on_run(row: Recipe, bundled: Recipe, own: FinishedRow) -> Iterator[str]:
    """Yield what a reader must know about a run that can be compared."""
    if any(provenance.features_saw_labels for provenance in own.provenance.values()):
        yield "the VA-CNN was trained with all labels; the paper does not say with which labels it trained its own"
    files = {_weights(cache) for each in own.provenance.values() for cache in each.caches.values()}
    for config in (config for config in bundled.stream_configs.values() if config.weights != TRAIN):
        usual = read_weights()[config.weights].file
        if other := sorted(files & _released(config.backbone) - {usual}):
            yield f"the features are of {', '.join(other)}; recipe {bundled.name} uses {usual}"
    ours, wanted = _training_settings(row), _training_settings(bundled)
    both = [key for key in wanted if key in ours]  # a row whose features are given trains no VA-CNN
    if differing := differences({key: ours[key] for key in both}, {key: wanted[key] for key in both}):
        yield f"trained differently from recipe {bundled.name}: {', '.join(differing)}"


def _training_settings(recipe: Recipe) -> dict[str, Any]:
    """Return how a recipe trains its models, and its VA-CNN if it trains one."""
    trained = [config for config in recipe.stream_configs.values() if config.weights == TRAIN]
    network = {"va_cnn": va_cnn_config(trained[0]).model_dump()} if trained else {}
    return complete_recipe(recipe).model_dump(exclude=NOT_DECISIVE | {"data", "extract", "streams"}) | network
