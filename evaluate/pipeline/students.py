"""The training stage: the models of a plan for each source, teachers first, each into its run folder.

A finished run is left as it is, and an interrupted run is resumed, see `distill.run_folder`.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from common.callbacks import ProgressCallback
from distill.epoch_counter import EpochCounter
from distill.feature_set import make_feature_set
from distill.run_folder import runs_of
from distill.training_plan import TrainingPlan
from evaluate.pipeline.layout import runs_folder
from evaluate.pipeline.sources import Source
from manifests.manifest import Manifest


def train_students(
    plan: TrainingPlan,
    out: Path,
    manifest: Manifest,
    sources: Sequence[Source],
    device: str,
    progress: ProgressCallback,
) -> int:
    """Train the models that are missing. For each source, the teachers come before their students.

    Args:
        plan: what to train and how.
        out: the folder of the results; the run folders go into `layout.runs_folder`.
        manifest: labels and splits; the test clips are not read.
        sources: what the models get as input.
        device: the processor to train on.
        progress: called with the number of finished epochs and of all epochs, over all models.

    Returns:
        How many models were finished before. They are only read.

    Raises:
        UserError: clips have no features, a folder is another run's, or the training failed.
    """
    counter = EpochCounter(len(sources) * plan.epochs(len(manifest.split("train"))), progress)
    for source in sources:
        streams = {name: about["settings"] for name, about in source.caches.items()}
        data = replace(make_feature_set(source.cache, manifest), streams=streams).to(device)
        folder = runs_folder(out, source.folder, plan.labels)
        for methods in (plan.teachers, plan.students):
            counter.train(runs_of(plan, methods, folder), plan, data)
    return counter.finished_before
