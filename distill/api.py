"""The Python API: train the methods of a recipe, and load a trained network."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from common.callbacks import Notify, ProgressCallback, no_progress
from common.errors import UserError
from distill.epoch_counter import EpochCounter, finished_notice
from distill.feature_set import streams_of
from distill.model_description import refuse_other_features
from distill.models import Classifier
from distill.run_folder import load_run, runs_of
from distill.training_data import read_training_data
from distill.training_plan import check_inputs, make_training_plan
from distill.whole_recipe import read_whole_recipe
from manifests.manifest import Manifest, read_manifest
from manifests.recipes.recipe import ONLY_STREAM, Recipe


def train(
    recipe: str | Path | Recipe,
    manifest: str | Path | Manifest,
    cache: str | Path | Mapping[str, str | Path],
    out: str | Path,
    *,
    methods: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
    device: str = "auto",
    allow_missing: bool = False,
    progress: ProgressCallback = no_progress,
    notify: Notify = print,
) -> dict[str, list[Path]]:
    """Train methods of a recipe with every seed, their teachers first. An interrupted call resumes if it is repeated.

    Args:
        recipe: a recipe, its file, or its name if it comes with the project.
        manifest: a manifest, or its file; the labels of the test split are not read.
        cache: the feature cache; with several streams a file for each, by the stream's name.
        out: the folder of the run folders, which are named `seed0/METHOD`.
        methods: their names in recipes; None: all methods of the recipe that train a network.
        seeds: None: those of the recipe.
        device: auto, cpu, cuda, cuda:1.
        allow_missing: leave out clips that have no features, instead of refusing.
        progress: gets (epochs done, total), over all models.
        notify: gets a sentence if models were finished before, because these are only read.

    Returns:
        For each method its run folders, one for each seed.

    Raises:
        UserError: the recipe cannot work, the files do not fit it, or the training fails.
    """
    recipe = recipe if isinstance(recipe, Recipe) else read_whole_recipe(Path(recipe))
    manifest = manifest if isinstance(manifest, Manifest) else read_manifest(Path(manifest))
    plan = make_training_plan(recipe, methods)
    if seeds is not None:
        plan = replace(plan, seeds=tuple(seeds))
    if methods is not None and plan.classical:
        raise UserError(f"{next(iter(plan.classical))} trains no network; leave it out of methods")
    streams = list(recipe.stream_configs) or [ONLY_STREAM]
    files = cache if isinstance(cache, Mapping) else {streams[0]: cache}
    for name in files:
        if name not in streams:
            raise UserError(f"recipe {recipe.name} has no stream {name}; its streams are {', '.join(streams)}")
    caches = {name: Path(files[name]) for name in streams if name in files}
    check_inputs(recipe, manifest.protocol, caches)
    data = read_training_data(manifest, caches, device, allow_missing)
    counter = EpochCounter(plan.epochs(data.train_clips), progress)
    folders: dict[str, list[Path]] = {}
    for stage in (plan.teachers, plan.students):
        runs = runs_of(plan, stage, Path(out))
        counter.train(runs, plan, data)
        for run in runs:
            folders.setdefault(run.model.method, []).append(run.folder)
    if counter.finished_before:
        notify(finished_notice(counter.finished_before, Path(out)))
    return {name: folders[name] for name in plan.methods if name in folders}


def load_student(run_folder: str | Path, device: str = "cpu", settings: Mapping[str, Any] | None = None) -> Classifier:
    """Return the trained network of a run folder, in evaluation mode: features (B, N, D) → logits (B, N, C).

    The folder of a teacher gives the teacher. Its logits after segment n depend on all N segments, so it does no early
    recognition.

    Args:
        run_folder: a folder that `train` returned, or that `python -m distill train` wrote.
        device: cpu, cuda, cuda:1.
        settings: the settings of the cache whose features the network is to get, as `extract.load_features` returns
            them, or the joined ones of `distill.early_fusion`. Other settings than those of the training are refused.

    Raises:
        UserError: the training is not finished, a file is damaged, or the settings differ.
    """
    if settings is not None:
        refuse_other_features(Path(run_folder), streams_of(settings))
    return load_run(Path(run_folder), device)
