"""The plans of all stages. A recipe and its inputs are resolved here, once, before anything is decoded or trained.

What the recipe and the inputs alone show to be wrong is refused here. After that each stage gets its own plan and not
the recipe.
"""

from dataclasses import dataclass
from pathlib import Path

from common.callbacks import Notify, no_notice
from distill.training_plan import TrainingPlan, check_lengths, check_num_segments, make_training_plan
from evaluate.pipeline.auto_values import replace_auto
from evaluate.pipeline.clips import find_clips
from evaluate.pipeline.extraction_plan import ExtractionPlan, plan_extraction
from evaluate.pipeline.inputs import PipelineInputs
from evaluate.pipeline.scoring_plan import ScoringPlan, plan_scoring
from manifests.recipes.recipe import Recipe, with_protocol


@dataclass(frozen=True)
class StagePlans:
    """What each stage gets."""

    extraction: ExtractionPlan
    training: TrainingPlan
    scoring: ScoringPlan


def make_plans(
    recipe: Recipe, inputs: PipelineInputs, notify: Notify = no_notice, weights_folder: Path | None = None
) -> StagePlans:
    """Resolve a recipe.

    Args:
        recipe: as `read_recipe` returns it.
        inputs: the user's files, and the folder of the results.
        notify: gets a sentence about clips that are missing, and about values that were chosen.
        weights_folder: the folder of downloaded weights; None: the default of `extract.networks.weights`.

    Raises:
        UserError: the recipe cannot work, or an input is missing, damaged or of another recipe.
    """
    make_training_plan(recipe)  # refuses what cannot work before any file is looked at
    clips = find_clips(recipe, inputs, notify)
    recipe = replace_auto(with_protocol(recipe, clips.manifest.protocol), inputs, clips, weights_folder, notify)
    training = make_training_plan(recipe)
    extraction = plan_extraction(recipe, inputs, clips)
    for stream in extraction.given.values():
        check_num_segments(training, stream.cache.features.shape[1])
        if stream.cache.num_segments is not None:
            check_lengths(training)
    return StagePlans(extraction, training, plan_scoring(recipe, training))
