"""The feature cache of each stream of a recipe: one made elsewhere, or extracted now, a VA-CNN trained for it first.

All that can be refused is refused before the first hour of work. What is seen of several streams is in `fusion`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.callbacks import Notify, ProgressCallback
from common.errors import UserError, first_few
from common.run_record import folder_of
from distill.fusion import clips_without_features
from distill.recipe_check import check_recipe
from evaluate.pipeline.inputs import PipelineInputs, StageProgress
from extract.cache import Cache, read_cache
from extract.machine import Machine
from extract.networks.weights import get_weights
from extract.run import extract, load_network, nothing_to_extract
from extract.shards.run_folder import RunFolder
from extract.va_cnn.run_folder import SETTINGS, VaCnnData, clip_settings, train_va_cnn
from manifests.manifest import Manifest, path_columns, write_manifest
from manifests.recipes.recipe import ONLY_STREAM, TRAIN, Extract, Recipe, VaCnn
from manifests.released_weights import read_weights

COMPARED = {"backbone", "column", "segments", "frames_per_segment", "pictures", "precision"}  # of a table and a cache
COMPARED_VA_CNN = {"image_size", "legacy_sequence_stretch", "legacy_sequence_actors"}


@dataclass(frozen=True)
class Stream:
    """The features of one stream, and the file they are in."""

    path: Path
    cache: Cache


def get_streams(
    recipe: Recipe,
    inputs: PipelineInputs,
    manifest_path: Path,
    manifest: Manifest,
    root: Path | None,
    machine: Machine,
    say: Notify,
    bars: StageProgress,
) -> dict[str, Stream]:
    """Return the streams of a recipe by name, in its order; extract what was not given.

    Args:
        recipe: with its streams.
        inputs: the caches made elsewhere, and the folder for new ones.
        manifest_path: the clips …
        manifest: … and what is in that file.
        root: the folder that the manifest's paths are relative to.
        machine: to extract with.
        say: told what a person should know.
        bars: progress.

    Raises:
        UserError: a cache is missing, damaged, of other clips or of another recipe; there is nothing to extract from.
    """
    tables: Mapping[str, Extract | None] = recipe.stream_tables or {ONLY_STREAM: None}
    for name in inputs.caches.keys() - tables.keys():
        raise UserError(f"recipe {recipe.name} has no stream {name}; its streams are {', '.join(tables)}")
    streams = {name: _read(recipe, name, path, manifest) for name, path in inputs.caches.items()}
    for stream in streams.values():  # before others are extracted
        check_recipe(recipe, stream.cache.features.shape[1])
    todo = _to_extract(recipe, {name: table for name, table in tables.items() if name not in streams}, manifest)
    if todo and root is None:
        raise UserError(f"give --videos, the folder of the files that {' and '.join(todo)} are made of")
    if todo and root is not None:
        for name, table in todo.items():
            if table.weights != TRAIN and nothing_to_extract(manifest_path, root, _path(inputs, name), table, machine):
                continue  # its network is not needed
            if inputs.get_weights and table.weights in read_weights():
                get_weights(table.weights, machine.weights_folder, progress=_in_megabytes(bars.weights))
            if table.weights != TRAIN:
                load_network(table, machine)  # refuses weights that are not there, before another stream's training
        trained = _train_networks(todo, inputs, manifest, root, machine, say, bars.va_cnn)
        for index, (name, table) in enumerate(trained.items()):
            path = _path(inputs, name, _va_cnn_folder(inputs, name, todo[name], manifest))
            part = _part(bars.clips, index, len(trained))
            extract(manifest_path, root, path, table, machine, progress=part, say=say)
            streams[name] = _read(recipe, name, path, manifest)
    return {name: streams[name] for name in tables}


def without_failed(manifest: Manifest, streams: Mapping[str, Stream], inputs: PipelineInputs, say: Notify) -> Manifest:
    """Return the clips that every stream has features of, as a subset of the protocol if that is not all.

    Args:
        manifest: all clips.
        streams: their features.
        inputs: whether to go on without those that failed.
        say: told which those are, and why they failed.

    Raises:
        UserError: clips failed, and to go on without them was not asked for; with each stream's, and what to do.
    """
    caches = {name: stream.cache for name, stream in streams.items()}
    failed = clips_without_features(caches, manifest.clips["clip_id"])
    if not failed:
        return manifest
    counts, ways = [], []
    for name, missing in failed.items():
        path, where = streams[name].path, f" in stream {name}" if len(streams) > 1 else ""
        counts.append(f"{len(missing)} of {len(manifest.clips)} clips have no features{where}: {_why(path, missing)}")
        here = RunFolder(path).is_planned
        ways.append(f"run `python -m extract retry {path}`" if here else f"extract them where {path} was made")
    if not inputs.skip_failed:
        raise UserError(
            f"{'. '.join(counts)}. Mend them and {' and '.join(ways)}, "
            "or give --skip-failed to go on without them as a subset of the protocol"
        )
    for count in counts:
        say(f"{count}. They are left out")
    lost = {clip_id for missing in failed.values() for clip_id in missing}
    clips = manifest.clips[~manifest.clips["clip_id"].isin(lost)].reset_index(drop=True)
    clips["protocol"] = manifest.protocol.removesuffix("-subset") + "-subset"
    subset = Manifest(clips, manifest.classes)
    write_manifest(subset, inputs.out / "manifest-without-failed.csv")
    return subset


def _why(path: Path, missing: Sequence[str]) -> str:
    """Name the first clips without features, each with its reason, and say where all reasons are."""
    run = RunFolder(path)
    reasons = run.failures() if run.is_planned else {}
    named = [
        f"{clip} (stage {reasons[clip].stage}: {reasons[clip].reason})" if clip in reasons else clip for clip in missing
    ]
    where = f"all reasons are in {run.folder}/shards/*/failures.jsonl" if reasons else "its run has no reasons here"
    return f"{first_few(named)}; {where}"


def _path(inputs: PipelineInputs, name: str, va_cnn: Path | None = None) -> Path:
    """Return the file of a stream's features: of each VA-CNN that is trained for it, one of its own."""
    return inputs.out / f"{va_cnn.name.replace('-va_cnn', '', 1) if va_cnn else name}.h5"


def _va_cnn_folder(inputs: PipelineInputs, name: str, table: Extract, manifest: Manifest) -> Path | None:
    """Return the run folder of the VA-CNN that is trained for a stream on these clips; None: there is none."""
    if table.weights != TRAIN:
        return None
    return folder_of(inputs.out / f"{name}-va_cnn", SETTINGS, clip_settings(manifest, table.column))


def _read(recipe: Recipe, name: str, path: Path, manifest: Manifest) -> Stream:
    """Read a cache; refuse one that contradicts the recipe's table of it, or that knows nothing of some clips."""
    cache = read_cache(path)
    there = cache.settings | {"segments": cache.features.shape[1]}
    table = recipe.stream_tables.get(name)
    wanted = table.model_dump(include=COMPARED) if table else {}
    if table and table.weights == TRAIN:
        own = table.va_cnn or VaCnn()
        wanted |= own.model_dump(include=COMPARED_VA_CNN) | {"timm_model": own.network}
    differing = [
        f"{key}: {there[key]} there, {value} in the recipe"
        for key, value in wanted.items()
        if key in there and there[key] != value
    ]
    of = f"stream {name} of " if recipe.streams else ""
    if differing:
        raise UserError(
            f"{path} is not the cache of {of}recipe {recipe.name} ({'; '.join(differing)}); give another one"
        )
    absent = manifest.clips[~manifest.clips["clip_id"].isin(cache.clip_id)]
    if not absent.empty:
        raise UserError(
            f"{len(absent)} of {len(manifest.clips)} clips of the manifest are not in {path} at all (first: "
            f"{absent['clip_id'].iloc[0]}); is it the cache of this manifest{f' and of stream {name}' if of else ''}?"
        )
    return Stream(path, cache)


def _to_extract(recipe: Recipe, tables: Mapping[str, Extract | None], manifest: Manifest) -> dict[str, Extract]:
    todo = {}
    for name, table in tables.items():
        if table is None:
            raise UserError(f"recipe {recipe.name} has no [extract] table; give the features with --cache")
        if table.column not in manifest.clips:
            raise UserError(
                f"recipe {recipe.name} makes {name} of the files in column {table.column!r}, and the manifest has "
                f"{', '.join(path_columns(manifest.clips))}; name one of these, or give the features with --cache"
            )
        todo[name] = table
    return todo


def _train_networks(
    todo: Mapping[str, Extract],
    inputs: PipelineInputs,
    manifest: Manifest,
    root: Path,
    machine: Machine,
    say: Notify,
    move: ProgressCallback,
) -> dict[str, Extract]:
    """Train the VA-CNN of each stream that has one to train; return the tables with the files of the weights."""
    settings = {name: table.va_cnn or VaCnn() for name, table in todo.items() if table.weights == TRAIN}
    total = sum(own.epochs for own in settings.values())
    before = 0
    tables = dict(todo)
    for name, own in settings.items():

        def show(done: int, _all: int, before: int = before) -> None:
            move(before + done, total)

        table = todo[name]
        folder = _va_cnn_folder(inputs, name, table, manifest)
        assert folder is not None
        if folder.name != f"{name}-va_cnn" and not folder.exists():
            say(f"{inputs.out / f'{name}-va_cnn'} was trained on other clips; on these one is trained into {folder}")
        data = VaCnnData(manifest, root, table.column, table.segments, inputs.skip_failed)
        weights = train_va_cnn(folder, data, own, machine, say, show)
        before += own.epochs
        move(before, total)  # it may have ended early
        tables[name] = table.model_copy(update={"weights": str(weights), "va_cnn": None})
    return tables


def _in_megabytes(move: ProgressCallback) -> ProgressCallback:
    return lambda done, total: move(done // 10**6, total // 10**6)


def _part(move: ProgressCallback, index: int, count: int) -> ProgressCallback:
    """Tell of part `index` of `count` equal ones as of the whole."""
    return lambda done, total: move(index * total + done, count * total)
