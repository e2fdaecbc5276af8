"""Videos in, feature cache out: decode ahead, run the network, keep parts, merge. Resumes by doing what is missing.

The loop of one process; what a clip is, how it is decoded and what is on disk are in the modules it imports.
"""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from extract.backbone import Backbone
from extract.backbones import load_backbone
from extract.cache import Row
from extract.doctor import check_decoder
from extract.network import SegmentNetwork, choose_device
from extract.parts import LedgerRow, PartsFolder
from extract.pool import DecodeTask, Failure, decode_all
from extract.sampling import sampling_settings
from extract.skeletons.joint_statistics import joint_statistics_backbone
from extract.skeletons.joints import joints_backbone
from extract.va_cnn.backbone import va_cnn_backbone
from manifests.errors import UserError
from manifests.files import inside, write_text
from manifests.recipe import Extract
from manifests.schema import Manifest, read_manifest

PART_CLIPS = 32  # a part is written every so many clips …
PART_SECONDS = 30.0  # … or seconds: what a kill can cost

Progress = Callable[[int, int], None]  # (clips finished by this run or before, all clips)


@dataclass(frozen=True)
class Machine:
    """What may differ between runs without changing a value, except for the decoder and torch.compile.

    Attributes:
        device: "auto", "cpu", "cuda", "cuda:1".
        workers: decode processes.
        deadline: seconds after which a clip's decoder is killed.
        decoder: "pyav" or "decord".
        compiled: use `torch.compile`.
        weights_folder: where weights files are; None: the default of `extract.weights`.
    """

    device: str = "auto"
    workers: int = 2
    deadline: float = 60.0
    decoder: str = "pyav"
    compiled: bool = False
    weights_folder: Path | None = None


def extract(
    manifest_path: Path,
    videos: Path,
    cache: Path,
    recipe: Extract,
    machine: Machine,
    *,
    retry: bool = False,
    progress: Progress = lambda finished, total: None,
) -> dict[str, LedgerRow]:
    """Make the feature cache of a manifest, or what is missing of it.

    Args:
        manifest_path: the clips.
        videos: the folder the manifest's paths are relative to.
        cache: the HDF5 file to make.
        recipe: what decides the features.
        machine: what they are made with.
        retry: take the clips that failed before, instead of those never tried.
        progress: called after every clip.

    Returns:
        The clips that failed; their features are zeros and not valid.

    Raises:
        UserError: weights are missing, the output belongs to other settings or another process, disk trouble.
    """
    manifest = read_manifest(manifest_path)
    fingerprint = manifest.fingerprint(recipe.column)
    if not videos.is_dir():
        raise UserError(f"the video folder {videos} does not exist")
    network = load_network(recipe, machine)
    paths = _paths(manifest, videos, recipe.column)
    if network.backbone.input == "video":
        check_decoder(machine.decoder)
    settings = {
        **sampling_settings(recipe, machine.decoder, network.backbone.input),
        **network.backbone.settings,
        **network.settings,
        "manifest_sha256": fingerprint,
    }
    clip_ids: list[str] = manifest.clips["clip_id"].tolist()
    with PartsFolder(cache) as parts:
        parts.start(settings, clip_ids)
        parts.drop_damaged_parts()
        parts.refuse_replaced(paths)
        _remember(parts.folder / "invocation.json", manifest_path, videos, recipe, machine)
        done, failed = parts.done(), parts.failures()
        todo = set(failed) if retry else set(clip_ids) - done.keys() - failed.keys()
        if todo or not parts.merged():
            tasks = _tasks(manifest, videos, recipe, machine, network.backbone, todo)
            _work(parts, network, tasks, machine, len(clip_ids) - len(todo), len(clip_ids), progress)
            return parts.merge()
        return failed


def load_network(recipe: Extract, machine: Machine) -> SegmentNetwork:
    """Return the network of a recipe on a machine's device, with its weights.

    Raises:
        UserError: no such backbone, weights or device.
    """
    device = choose_device(machine.device)
    if recipe.weights == "train":
        raise UserError(
            "weights to be trained first are the business of `python -m evaluate reproduce`; train them with "
            "`python -m extract train-vacnn` and give the file"
        )
    if recipe.backbone == "va_cnn":
        backbone = va_cnn_backbone(recipe.weights, recipe.segments, recipe.pictures, recipe.image_size)
    elif recipe.backbone == "joints":
        backbone = joints_backbone(recipe.frames_per_segment)
    elif recipe.backbone == "joint_statistics":
        backbone = joint_statistics_backbone()
    else:
        backbone = load_backbone(
            recipe.backbone,
            recipe.weights,
            frames_per_segment=recipe.frames_per_segment,
            image_size=recipe.image_size,
            weights_folder=machine.weights_folder,
        )
    return SegmentNetwork(backbone, device=device, precision=recipe.precision, compiled=machine.compiled)


def retry_failed(cache: Path, *, progress: Progress) -> dict[str, LedgerRow]:
    """Take the failed clips of a cache again, with everything as in the run that failed.

    Returns:
        The clips that failed again.
    """
    path = PartsFolder(cache).folder / "invocation.json"
    if not path.exists():
        raise UserError(f"no extraction of {cache} was begun; `python -m extract run` begins one")
    invocation = json.loads(path.read_text(encoding="utf-8"))
    machine = invocation["machine"]
    if machine["weights_folder"] is not None:
        machine["weights_folder"] = Path(machine["weights_folder"])
    return extract(
        Path(invocation["manifest"]),
        Path(invocation["videos"]),
        cache,
        Extract.model_validate(invocation["recipe"]),
        Machine(**machine),
        retry=True,
        progress=progress,
    )


def _remember(path: Path, manifest: Path, videos: Path, recipe: Extract, machine: Machine) -> None:
    if Path(recipe.weights).is_file():  # given from where the command was run
        recipe = recipe.model_copy(update={"weights": str(Path(recipe.weights).resolve())})
    invocation = {
        "manifest": str(manifest.resolve()),
        "videos": str(videos.resolve()),
        "recipe": recipe.model_dump(),
        "machine": asdict(machine),
    }
    write_text(path, json.dumps(invocation, indent=1, default=str) + "\n")


def _work(
    parts: PartsFolder,
    network: SegmentNetwork,
    tasks: list[DecodeTask],
    machine: Machine,
    finished: int,
    total: int,
    progress: Progress,
) -> None:
    rows: list[Row] = []
    sources = {task.clip_id: Path(task.path).stat().st_size for task in tasks if Path(task.path).is_file()}
    last_part = time.monotonic()
    try:
        for outcome in decode_all(tasks, workers=machine.workers, deadline=machine.deadline):
            if isinstance(outcome, Failure):
                parts.add_failure(outcome)
            else:
                clip_id, clip = outcome
                features = network(clip)
                if rows and features.shape != rows[0].features.shape:
                    shapes = f"{features.shape}, and others {rows[0].features.shape}"
                    parts.add_failure(Failure(clip_id, "network", f"its features have the shape {shapes}"))
                elif np.isfinite(features).all():
                    rows.append(Row(clip_id, features, clip.num_frames, True))
                else:
                    parts.add_failure(Failure(clip_id, "network", "a feature is not a finite number"))
            if len(rows) >= PART_CLIPS or (rows and time.monotonic() - last_part > PART_SECONDS):
                finished_rows, rows, last_part = rows, [], time.monotonic()
                parts.write_part(finished_rows, sources)
            finished += 1
            progress(finished, total)
    finally:  # also on Ctrl-C: what is computed is kept
        if rows:
            parts.write_part(rows, sources)


def _paths(manifest: Manifest, videos: Path, column: str) -> dict[str, Path]:
    return {
        clip_id: inside(videos, path)
        for clip_id, path in zip(manifest.clips["clip_id"], manifest.clips[column], strict=True)
    }


def _tasks(
    manifest: Manifest, videos: Path, recipe: Extract, machine: Machine, backbone: Backbone, todo: set[str]
) -> list[DecodeTask]:
    chosen = manifest.clips[manifest.clips["clip_id"].isin(todo)]
    # num_frames counts the frames of `path`; another recording of the same clip may have more or fewer
    expected = chosen["num_frames"] if "num_frames" in chosen and recipe.column == "path" else [0] * len(chosen)
    return [
        DecodeTask(
            clip_id,
            str(inside(videos, path)),
            recipe.segments,
            recipe.frames_per_segment,
            machine.decoder if backbone.input == "video" else "skeleton",
            int(frames),
            backbone.legacy_sequence_actors,
        )
        for clip_id, path, frames in zip(chosen["clip_id"], chosen[recipe.column], expected, strict=True)
    ]
