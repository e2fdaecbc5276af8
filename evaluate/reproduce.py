"""The whole street: videos → manifest → features → teacher → students → predictions → table and figure.

The only place that calls all rooms. Each stage does what is missing and leaves the rest, so the same command goes on
after a kill and is quick when nothing is left to do.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from distill.features import load_features
from distill.models import predict_probabilities
from distill.run_folder import load_student, train_run
from distill.settings import Model, Variant
from distill.train import Epoch
from evaluate.predictions import Predictions, Scores, read_predictions, score, write_predictions
from evaluate.results import write_results
from extract.cache import Cache, read_cache
from extract.network import choose_device
from extract.run import Machine, extract
from manifests import ucf101
from manifests.errors import UserError
from manifests.recipe import Recipe, check_protocol
from manifests.schema import SPLITS, Manifest, read_manifest, write_manifest
from manifests.stick_figures.data_set import draw_data_set

VARIANTS: dict[Variant, str] = {"without": "Without distillation", "with": "With distillation"}

Say = Callable[[str], None]


@dataclass(frozen=True)
class Inputs:
    """Where things come from and go to.

    Attributes:
        out: folder of everything that is made.
        videos: folder of the videos; None with a cache made elsewhere.
        manifest: a manifest of your own; None: built from the videos.
        cache: a feature cache made elsewhere; None: extracted here.
        skip_failed: go on without clips that cannot be decoded; the protocol is then named a subset.
    """

    out: Path
    videos: Path | None = None
    manifest: Path | None = None
    cache: Path | None = None
    skip_failed: bool = False


@dataclass(frozen=True)
class Result:
    """What a reproduction ends with: the files, the scores by method and seed, and seconds by stage."""

    table: Path
    figure: Path
    scores: dict[str, list[Scores]]
    seconds: dict[str, float]


@dataclass(frozen=True)
class Bars:
    """Callbacks for progress: clips (finished, all) while extracting, epochs (done, all) while training."""

    clips: Callable[[int, int], None] = lambda finished, total: None
    epochs: Callable[[int, int], None] = lambda finished, total: None


def reproduce(recipe: Recipe, inputs: Inputs, machine: Machine, say: Say = print, bars: Bars | None = None) -> Result:
    """Run what is missing of a recipe, from videos to the table and the figure.

    Raises:
        UserError: something is missing or failed, with what to do about it.
    """
    bars = bars or Bars()
    seconds: dict[str, float] = {}
    started = time.monotonic()

    def lap(stage: str) -> None:
        nonlocal started
        now = time.monotonic()
        seconds[stage], started = now - started, now

    manifest_path, videos = _manifest(recipe, inputs, say)
    manifest = read_manifest(manifest_path)
    _check_early(recipe, manifest)
    lap("manifest")
    cache_path = inputs.cache or _extract(recipe, inputs, manifest_path, videos, machine, bars)
    cache = read_cache(cache_path)
    _check_cache(recipe, cache, cache_path)
    manifest = _without_failed(manifest, cache, inputs, cache_path)
    lap("extract")
    runs = _train(recipe, inputs.out, manifest, cache, choose_device(machine.device), bars)
    lap("distill")
    scores = _score(recipe, inputs.out, manifest, cache, runs)
    table, figure = write_results(inputs.out, manifest, scores)
    lap("evaluate")
    return Result(table, figure, scores, seconds)


def _manifest(recipe: Recipe, inputs: Inputs, say: Say) -> tuple[Path, Path | None]:
    """Return the manifest's file and the folder its paths are relative to."""
    path = inputs.out / "manifest.csv"
    if inputs.manifest is not None:
        check_protocol(recipe, read_manifest(inputs.manifest).protocol)
        if recipe.data.classes is not None:
            raise UserError(f"recipe {recipe.name} chooses data.classes, and --manifest has its own; leave one out")
        return inputs.manifest, inputs.videos
    if recipe.data.dataset == "stick-figures":
        videos = inputs.videos or inputs.out / "videos"
        return draw_data_set(videos), videos
    if recipe.data.dataset != "ucf101":
        raise UserError(f"recipe {recipe.name} needs --manifest: nothing builds one for {recipe.data.dataset} yet")
    if inputs.videos is None:
        raise UserError(f"recipe {recipe.name} needs --videos, the folder of the data set's videos")
    manifest, missing = ucf101.build(
        inputs.videos, recipe.data.protocol, classes=recipe.data.classes, compact=recipe.data.compact_classes
    )
    write_manifest(manifest, path)
    if missing:
        say(f"{len(missing)} of the clips wanted are not in {inputs.videos}; the first: {', '.join(missing[:3])}")
    return path, inputs.videos


def _check_early(recipe: Recipe, manifest: Manifest) -> None:
    """Refuse before hours of extraction what would be refused after them."""
    for split in SPLITS:
        manifest.split(split)
    segments = recipe.extract.segments if recipe.extract else None
    if segments is not None and recipe.distillation.beta > 0 and recipe.distillation.tau >= segments:
        raise UserError(f"recipe {recipe.name}: tau = {recipe.distillation.tau} leaves no pair of {segments} segments")


def _check_cache(recipe: Recipe, cache: Cache, path: Path) -> None:
    """Refuse a cache that contradicts the recipe's [extract] table."""
    if recipe.extract is None:
        return
    wanted = recipe.extract.model_dump(include={"backbone", "segments", "frames_per_segment", "precision"})
    differing = [
        f"{key}: {cache.settings[key]} there, {value} in the recipe"
        for key, value in wanted.items()
        if key in cache.settings and cache.settings[key] != value
    ]
    if differing:
        raise UserError(f"{path} is not the cache of recipe {recipe.name} ({'; '.join(differing)}); give another one")


def _extract(recipe: Recipe, inputs: Inputs, manifest: Path, videos: Path | None, machine: Machine, bars: Bars) -> Path:
    if recipe.extract is None:
        raise UserError(f"recipe {recipe.name} has no [extract] table; give the features with --cache")
    if videos is None:
        raise UserError("give the folder of the videos with --videos")
    cache = inputs.out / "features.h5"
    extract(manifest, videos, cache, recipe.extract, machine, progress=bars.clips)
    return cache


def _without_failed(manifest: Manifest, cache: Cache, inputs: Inputs, path: Path) -> Manifest:
    valid = {clip_id for clip_id, valid in zip(cache.clip_id, cache.valid, strict=True) if valid}
    absent = manifest.clips[~manifest.clips["clip_id"].isin(cache.clip_id)]
    if not absent.empty:
        raise UserError(
            f"{len(absent)} of {len(manifest.clips)} clips of the manifest are not in {path} at all (first: "
            f"{absent['clip_id'].iloc[0]}); is it the cache of this manifest?"
        )
    failed = manifest.clips[~manifest.clips["clip_id"].isin(valid)]
    if failed.empty:
        return manifest
    if not inputs.skip_failed:
        raise UserError(
            f"{len(failed)} of {len(manifest.clips)} clips have no features (first: {failed['clip_id'].iloc[0]}); "
            f"the reasons are in {path}.run/failures.jsonl. Mend them and run `python -m extract retry {path}`, "
            "or give --skip-failed to go on without them as a subset of the protocol"
        )
    clips = manifest.clips[manifest.clips["clip_id"].isin(valid)].reset_index(drop=True)
    clips["protocol"] = manifest.protocol.removesuffix("-subset") + "-subset"
    subset = Manifest(clips, manifest.classes)
    write_manifest(subset, inputs.out / "manifest-without-failed.csv")
    return subset


def _train(
    recipe: Recipe, out: Path, manifest: Manifest, cache: Cache, device: str, bars: Bars
) -> dict[tuple[Variant, int], Path]:
    """Train teacher and students of every seed; return the students' run folders by variant and seed."""
    data = load_features(cache, manifest).to(device)
    epochs = recipe.training.epochs
    taught = recipe.distillation.alpha > 0
    total = len(recipe.seeds) * (taught + len(VARIANTS)) * epochs
    models_done = 0

    def train(folder: Path, seed: int, model: Model, variant: Variant | None, teacher: Path | None) -> None:
        nonlocal models_done
        before = models_done * epochs

        def show(epoch: Epoch) -> None:
            bars.epochs(before + epoch.epoch, total)

        train_run(folder, recipe, data, seed, model=model, variant=variant, teacher=teacher, progress=show)
        models_done += 1
        bars.epochs(models_done * epochs, total)

    runs = {}
    for seed in recipe.seeds:
        folder = out / "runs" / f"seed{seed}"
        if taught:
            train(folder / "teacher", seed, "teacher", None, None)
        for variant in VARIANTS:
            runs[variant, seed] = folder / variant
            train(folder / variant, seed, "student", variant, folder / "teacher" if taught else None)
    return runs


def _score(
    recipe: Recipe, out: Path, manifest: Manifest, cache: Cache, runs: dict[tuple[Variant, int], Path]
) -> dict[str, list[Scores]]:
    """Write every student's predictions on the test clips, and score them: test labels are read in `score` only."""
    clip_ids: tuple[str, ...] = tuple(manifest.split("test")["clip_id"])
    row = {clip_id: index for index, clip_id in enumerate(cache.clip_id)}
    features = torch.from_numpy(cache.features[[row[clip_id] for clip_id in clip_ids]])
    scores: dict[str, list[Scores]] = {name: [] for name in VARIANTS.values()}
    for (variant, seed), run in runs.items():
        path = out / "predictions" / f"{variant}-seed{seed}.h5"
        predictions = Predictions(
            probabilities=predict_probabilities(load_student(run), features),
            clip_ids=clip_ids,
            protocol=manifest.protocol,
            method=VARIANTS[variant],
            seed=seed,
            classes=manifest.classes,
            provenance=_provenance(recipe, manifest, cache),
        )
        write_predictions(path, predictions)
        scores[VARIANTS[variant]].append(score(read_predictions(path), manifest))
    return scores


def _provenance(recipe: Recipe, manifest: Manifest, cache: Cache) -> dict[str, Any]:
    return {
        "recipe": recipe.model_dump(),
        "cache_content_sha256": cache.content_sha256,
        "cache_settings": cache.settings,
        "backbone": f"{cache.settings.get('backbone')} ({cache.settings.get('weights')})",
        "random_weights": cache.settings.get("weights") == "random",
        "synthetic_data": recipe.data.dataset == "stick-figures",
        "labels": "all",
        "clips": {name: int((manifest.clips["split"] == name).sum()) for name in SPLITS},
    }
