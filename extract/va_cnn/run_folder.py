"""A VA-CNN's run folder: one training, what decides it, curves and weights; killed, the same call goes on.

settings.json, metrics.csv, tensorboard/, resume.safetensors while it trains, weights.safetensors (the selected epoch)
and done.json, written last. The training loop is in `train.py`.
"""

import hashlib
import importlib.metadata
import json
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Self

import pandas as pd
import torch

from extract.network import choose_device, device_name
from extract.run import Machine
from extract.va_cnn.initial import initial_network
from extract.va_cnn.network import VaCnnNetwork
from extract.va_cnn.pictures import stretch_sequence
from extract.va_cnn.samples import Samples, read_samples
from extract.va_cnn.train import State, train
from extract.va_cnn.weights import load_state, save_state, save_weights
from manifests.claim import claim, only_writer, read_record, refuse_other
from manifests.errors import UserError
from manifests.files import inside, sha256_of, write_text
from manifests.recipe import VaCnn
from manifests.schema import Manifest

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
        say: for what a person should know.
        progress: called with the epochs done and all.

    Returns:
        The file of the weights.

    Raises:
        UserError: no validation split, too few readable files, another run's folder, no such device or network.
    """
    device = torch.device(choose_device(machine.device))
    clips = {split: manifest.split(split) for split in ("train", "validation")}
    settings = {
        "va_cnn": table.model_dump(),
        "segments": segments,
        "protocol": manifest.protocol,
        "num_classes": len(manifest.classes),
        "clips": {split: len(own) for split, own in clips.items()},
        "manifest_sha256": manifest.fingerprint(column),
        "labels_sha256": _labels_sha256(clips),
    }
    record = folder / SETTINGS
    if (folder / DONE).exists():
        refuse_other(record, {"settings": settings})
        return _finished(folder)
    with only_writer(folder):
        versions = {
            "early-recognition": importlib.metadata.version("early-recognition"),
            "torch": str(torch.__version__),
            "device": device.type,
        }
        claim(record, {"settings": settings, "versions": versions}, {"device": device_name(device)})
        samples = {}
        for split, own in clips.items():
            paths = [inside(root, path) for path in own[column]]
            say(f"reading {len(own)} skeletons of split {split}")
            samples[split] = read_samples(
                paths,
                own["label"].tolist(),
                segments,
                legacy_sequence_actors=table.legacy_sequence_actors,
                workers=machine.workers,
            )
            _report(split, samples[split], len(own), say)
        network, remark = initial_network(table, len(manifest.classes), samples["train"])
        say(remark)
        made = settings | {
            "initial_weights": remark,
            "left_out": {split: list(own.left_out) for split, own in samples.items()},
            "versions": versions,
        }
        samples = {split: _stretched(own, network, table).to(device) for split, own in samples.items()}
        state = load_state(folder / RESUME) if (folder / RESUME).exists() else State()
        with _Recorder(folder, len(state.history)) as recorder:

            def after_epoch(state: State) -> None:
                recorder.add(state)
                progress(len(state.history), table.epochs)

            state = train(network.to(device), samples["train"], samples["validation"], table, state, after_epoch)
        assert state.best is not None
        save_weights(folder / WEIGHTS, state.best, made | {"selected": asdict(state.selected)})
        done = {"epochs": len(state.history), "selected": asdict(state.selected)}
        write_text(folder / DONE, json.dumps({**done, "weights_sha256": sha256_of(folder / WEIGHTS)}, indent=2) + "\n")
        (folder / RESUME).unlink(missing_ok=True)
    return folder / WEIGHTS


def _finished(folder: Path) -> Path:
    if not (folder / WEIGHTS).exists() or sha256_of(folder / WEIGHTS) != read_record(folder / DONE)["weights_sha256"]:
        raise UserError(f"{folder / WEIGHTS} is not the file that the training wrote; remove {folder} and train again")
    return folder / WEIGHTS


def _labels_sha256(clips: dict[str, pd.DataFrame]) -> str:
    """Fingerprint of which clips stand in which split with which label."""
    lines = "\n".join(
        f"{split}\t{clip}\t{label}"
        for split, own in clips.items()
        for clip, label in zip(own["clip_id"], own["label"], strict=True)
    )
    return hashlib.sha256(lines.encode()).hexdigest()


def _report(split: str, samples: Samples, clips: int, say: Callable[[str], None]) -> None:
    if not len(samples.labels):
        raise UserError(f"none of the {clips} skeletons of split {split} can be read; the first: {samples.left_out[0]}")
    if samples.left_out:
        say(f"{len(samples.left_out)} of {clips} skeletons of split {split} cannot be read and are left out:")
        for reason in samples.left_out[:5]:
            say(f"  {reason}")


def _stretched(samples: Samples, network: VaCnnNetwork, table: VaCnn) -> Samples:
    """With `legacy_sequence_stretch`, each clip's coordinates stretched to the training data's extremes."""
    if not table.legacy_sequence_stretch:
        return samples
    low, high = network.minimum.item(), network.maximum.item()
    clips = torch.tensor_split(samples.points, samples.stretches[1:, :, :, 0].flatten(1).min(dim=1).values)
    return replace(samples, points=torch.cat([stretch_sequence(clip, low, high) for clip in clips]))


class _Recorder:
    """Writes after each epoch: the curves, and now and then the state."""

    def __init__(self, folder: Path, epochs_done: int) -> None:
        from torch.utils.tensorboard import SummaryWriter  # late: importing it takes seconds

        self._folder = folder
        self._saved = time.monotonic()
        self._writer = SummaryWriter(str(folder / TENSORBOARD), purge_step=epochs_done + 1)

    def add(self, state: State) -> None:
        epoch = asdict(state.history[-1])
        number = epoch.pop("epoch")
        for name, value in epoch.items():
            self._writer.add_scalar(name, value, number)
        write_text(self._folder / METRICS, pd.DataFrame(map(asdict, state.history)).to_csv(index=False))
        if time.monotonic() - self._saved > SAVE_SECONDS:
            save_state(self._folder / RESUME, state)
            self._saved = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._writer.close()
