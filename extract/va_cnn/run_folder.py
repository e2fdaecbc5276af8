"""A VA-CNN's run folder: one training, what decides it, curves and weights; killed, the same call goes on.

settings.json, metrics.csv, tensorboard/, resume.safetensors while it trains, weights.safetensors (the selected epoch)
and done.json, written last. The training loop is in `train.py`.
"""

import importlib.metadata
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Self

import pandas as pd
import torch

from common.device import choose_device, device_name
from common.errors import UserError
from common.files import inside, refuse_no_folder, sha256_of, write_text
from common.run_record import claim, only_writer, read_record, refuse_other
from extract.machine import Machine
from extract.va_cnn.initial import initial_network, refuse_unfit
from extract.va_cnn.network import VaCnnNetwork
from extract.va_cnn.pictures import stretch_sequence
from extract.va_cnn.samples import Samples, read_samples
from extract.va_cnn.train import State, train
from extract.va_cnn.weights import load_state, save_state, save_weights
from manifests.manifest import Manifest, labels_sha256
from manifests.recipes.recipe import VaCnn

SETTINGS, METRICS, TENSORBOARD = "settings.json", "metrics.csv", "tensorboard"
RESUME, WEIGHTS, DONE = "resume.safetensors", "weights.safetensors", "done.json"
SAVE_SECONDS = 20.0  # between two writes of the resume state; what it misses is trained again


def train_va_cnn(
    folder: Path,
    manifest: Manifest,
    root: Path,
    table: VaCnn,
    segments: int,
    machine: Machine,
    *,
    column: str = "path",
    skip_failed: bool = False,
    say: Callable[[str], None] = lambda line: None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Path:
    """Train a VA-CNN on the training split into its run folder, or go on, or return at once if it is done.

    Args:
        folder: made if it is not there; refused if it holds anything but this very run.
        manifest: training and validation clips; the labels of the test clips stay unread.
        root: the folder the manifest's paths are relative to.
        table: how.
        segments: N.
        machine: device, and processes that read.
        column: the manifest's column of the skeleton files.
        skip_failed: train without the clips that cannot be read, instead of refusing.
        say: for what a person should know.
        progress: called with the epochs done and all.

    Returns:
        The file of the weights.

    Raises:
        UserError: no validation split, files that cannot be read, another run's folder, no such device or network.
    """
    device = torch.device(choose_device(machine.device))
    refuse_no_folder(root, "the folder of the skeletons")
    clips = {split: manifest.split(split) for split in ("train", "validation")}
    settings = {"va_cnn": table.model_dump(), "segments": segments, **clip_settings(manifest, column)}
    if (folder / SETTINGS).exists():
        refuse_other(folder / SETTINGS, {"settings": settings})
    if (folder / DONE).exists():
        return _finished(folder, skip_failed)
    refuse_unfit(table)
    with only_writer(folder):
        samples = _read(clips, root, column, table, segments, machine, skip_failed, say)
        network, remark = initial_network(table, len(manifest.classes), samples["train"])
        say(remark)
        decisive = {
            "settings": settings,
            "samples_sha256": {split: own.sha256 for split, own in samples.items()},
            "versions": {
                "early-recognition": importlib.metadata.version("early-recognition"),
                "torch": str(torch.__version__),
                "device": device.type,
            },
        }
        claim(folder / SETTINGS, decisive, {"device": device_name(device)})
        left_out = {split: list(own.left_out) for split, own in samples.items()}
        made = settings | {"joints": samples["train"].joints, "initial_weights": remark, "left_out": left_out}
        samples = {split: _stretched(own, network, table).to(device) for split, own in samples.items()}
        state = load_state(folder / RESUME) if (folder / RESUME).exists() else State()
        with _Recorder(folder, state) as recorder:

            def after_epoch(state: State) -> None:
                recorder.add(state)
                progress(len(state.history), table.epochs)

            state = train(network.to(device), samples["train"], samples["validation"], table, state, after_epoch)
        assert state.best is not None
        save_weights(folder / WEIGHTS, state.best, made | {"selected": asdict(state.selected)})
        done = {
            "epochs": len(state.history),
            "selected": asdict(state.selected),
            "left_out": left_out,
            "weights_sha256": sha256_of(folder / WEIGHTS),
        }
        write_text(folder / DONE, json.dumps(done, indent=2) + "\n")
        (folder / RESUME).unlink(missing_ok=True)
    return folder / WEIGHTS


def clip_settings(manifest: Manifest, column: str) -> dict[str, Any]:
    """Return the settings of a training that say which clips it sees, with which labels.

    Raises:
        UserError: a split is empty, or there is no such column of paths.
    """
    clips = {split: manifest.split(split) for split in ("train", "validation")}
    return {
        "protocol": manifest.protocol,
        "num_classes": len(manifest.classes),
        "clips": {split: len(own) for split, own in clips.items()},
        "manifest_sha256": manifest.fingerprint(column),
        "labels_sha256": labels_sha256(
            (split, clip, label)
            for split, own in clips.items()
            for clip, label in zip(own["clip_id"], own["label"], strict=True)
        ),
    }


def _finished(folder: Path, skip_failed: bool) -> Path:
    done = read_record(folder / DONE)
    if not (folder / WEIGHTS).exists() or sha256_of(folder / WEIGHTS) != done["weights_sha256"]:
        raise UserError(f"{folder / WEIGHTS} is not the file that the training wrote; remove {folder} and train again")
    left_out = sum(map(len, done["left_out"].values()))
    if left_out and not skip_failed:
        raise UserError(
            f"{folder} was trained without {left_out} clips that could not be read; mend them, remove {folder} and "
            "train again, or give --skip-failed to use it as it is"
        )
    return folder / WEIGHTS


def _read(
    clips: Mapping[str, pd.DataFrame],
    root: Path,
    column: str,
    table: VaCnn,
    segments: int,
    machine: Machine,
    skip_failed: bool,
    say: Callable[[str], None],
) -> dict[str, Samples]:
    """Read the samples of each split."""
    samples = {}
    for split, own in clips.items():
        say(f"reading {len(own)} skeletons of split {split}")
        samples[split] = read_samples(
            {clip: inside(root, path) for clip, path in zip(own["clip_id"], own[column], strict=True)},
            dict(zip(own["clip_id"], own["label"], strict=True)),
            segments,
            legacy_sequence_actors=table.legacy_sequence_actors,
            workers=machine.workers,
            deadline=machine.deadline,
        )
        _check(split, samples[split], len(own), skip_failed, say)
    return samples


def _check(split: str, samples: Samples, clips: int, skip_failed: bool, say: Callable[[str], None]) -> None:
    """Refuse clips that could not be read, or say so; refuse skeletons that do not go together."""
    if not len(samples.labels):
        raise UserError(f"none of the {clips} skeletons of split {split} can be read; the first: {samples.left_out[0]}")
    if samples.left_out:
        said = f"{len(samples.left_out)} of {clips} skeletons of split {split} cannot be read; the first: "
        if not skip_failed:
            raise UserError(f"{said}{samples.left_out[0]}. Mend them, or give --skip-failed to train without them")
        say(said + samples.left_out[0])
    if not (samples.stretches[..., 2] == samples.joints).all():
        raise UserError(f"the skeletons of split {split} have different numbers of joints; train on one kind of files")


def _stretched(samples: Samples, network: VaCnnNetwork, table: VaCnn) -> Samples:
    """With `legacy_sequence_stretch`, each clip's coordinates stretched to the training data's extremes."""
    if not table.legacy_sequence_stretch:
        return samples
    low, high = network.minimum.item(), network.maximum.item()
    clips = torch.tensor_split(samples.points, samples.stretches[1:, :, :, 0].flatten(1).min(dim=1).values)
    return replace(samples, points=torch.cat([stretch_sequence(clip, low, high) for clip in clips]))


class _Recorder:
    """Writes after each epoch: the curves, and now and then, and on Ctrl-C, the state."""

    def __init__(self, folder: Path, state: State) -> None:
        from torch.utils.tensorboard import SummaryWriter  # late: importing it takes seconds

        self._folder = folder
        self._state = self._saved = state
        self._saved_at = time.monotonic()
        self._writer = SummaryWriter(str(folder / TENSORBOARD), purge_step=len(state.history) + 1)

    def add(self, state: State) -> None:
        self._state = state
        epoch = asdict(state.history[-1])
        number = epoch.pop("epoch")
        for name, value in epoch.items():
            self._writer.add_scalar(name, value, number)
        write_text(self._folder / METRICS, pd.DataFrame(map(asdict, state.history)).to_csv(index=False))
        if time.monotonic() - self._saved_at > SAVE_SECONDS:
            self._save()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None:
        self._writer.close()
        if kind is not None and self._state is not self._saved:
            self._save()

    def _save(self) -> None:
        save_state(self._folder / RESUME, self._state)
        self._saved, self._saved_at = self._state, time.monotonic()
