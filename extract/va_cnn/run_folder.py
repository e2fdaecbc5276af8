"""The run folder of a VA-CNN's training. A killed training resumes with the same call.

The folder has settings.json, which is what determines the weights, and the files of `common.training_run`. The training
loop is in `training.py`.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from common.callbacks import Notify, ProgressCallback, no_notice, no_progress
from common.device import choose_device, device_name
from common.errors import UserError
from common.files import inside, refuse_no_folder
from common.run_record import claim, only_writer, refuse_other
from common.training_run import DONE, RESUME, WEIGHTS, Curves, StateSaver, read_completion, versions, write_completion
from extract.machine import Machine
from extract.skeletons.joint_list import JointList
from extract.skeletons.joint_list_file import find_joint_list, joint_settings
from extract.va_cnn.initial import initial_network, refuse_unfit
from extract.va_cnn.network import VaCnnNetwork
from extract.va_cnn.pictures import stretch_sequence
from extract.va_cnn.samples import Samples, read_samples
from extract.va_cnn.training import train_network
from extract.va_cnn.training_state import VaCnnState, load_state, save_state
from extract.va_cnn.weights import save_weights
from manifests.manifest import Manifest, labels_sha256
from manifests.recipes.extraction import VaCnn

SETTINGS = "settings.json"
SAVE_SECONDS = 20.0  # between two writes of the resume state; later epochs are trained again after a kill


@dataclass(frozen=True)
class VaCnnData:
    """The clips that a VA-CNN is trained on.

    Attributes:
        manifest: training and validation clips; the labels of the test clips are not read.
        root: the folder that the manifest's paths are relative to.
        column: the manifest's column of the skeleton files.
        num_segments: N.
        skip_failed: train without the clips that cannot be read, instead of refusing.
    """

    manifest: Manifest
    root: Path
    column: str = "path"
    num_segments: int = 10
    skip_failed: bool = False


def train_va_cnn(
    folder: Path,
    data: VaCnnData,
    config: VaCnn,
    machine: Machine,
    notify: Notify = no_notice,
    progress: ProgressCallback = no_progress,
) -> Path:
    """Train a VA-CNN on the training split into its run folder, or resume the training, or return if it is finished.

    Args:
        folder: made if it does not exist; refused if it holds anything but this very run.
        data: the clips.
        config: how the network is trained.
        machine: device, and processes that read files.
        notify: gets sentences for the user.
        progress: called with the number of finished epochs and of all epochs.

    Returns:
        The file of the weights.

    Raises:
        UserError: no validation split, files that cannot be read, another run's folder, no such device or network.
    """
    device = torch.device(choose_device(machine.device))
    refuse_no_folder(data.root, "the folder of the skeletons")
    settings = {"va_cnn": config.model_dump(), "segments": data.num_segments}
    settings |= clip_settings(data.manifest, data.column)
    joint_list = _find_joint_list(data)
    if joint_list is not None:
        settings["joint_list"] = joint_settings(joint_list)
    if (folder / SETTINGS).exists():
        refuse_other(folder / SETTINGS, {"settings": settings})
    if (folder / DONE).exists():
        return _finished(folder, data.skip_failed)
    refuse_unfit(config)
    with only_writer(folder):
        samples = _read(data, config, machine, joint_list, notify)
        network, remark = initial_network(config, len(data.manifest.classes), samples["train"])
        notify(remark)
        decisive = {
            "settings": settings,
            "samples_sha256": {split: own.sha256 for split, own in samples.items()},
            "versions": versions(device.type),
        }
        claim(folder / SETTINGS, decisive, {"device": device_name(device)})
        left_out = {split: list(own.left_out) for split, own in samples.items()}
        made = settings | {"joints": samples["train"].joints, "initial_weights": remark, "left_out": left_out}
        samples = {split: _stretched(own, network, config).to(device) for split, own in samples.items()}
        state = _train(folder, network.to(device), samples, config, progress)
        assert state.best is not None
        progress(config.epochs, config.epochs)  # the training may have ended early
        selected = asdict(state.selected)
        save_weights(folder / WEIGHTS, state.best, made | {"selected": selected})
        write_completion(folder, {"epochs": len(state.history), "selected": selected, "left_out": left_out})
        (folder / RESUME).unlink(missing_ok=True)
    return folder / WEIGHTS


def clip_settings(manifest: Manifest, column: str) -> dict[str, Any]:
    """Return the settings of a training that determine its clips and labels.

    Raises:
        UserError: a split is empty, there is no such column of paths, or clips are pieces of files.
    """
    clips = {split: manifest.split(split) for split in ("train", "validation")}
    if not all(piece.is_whole for piece in manifest.pieces):
        raise UserError("a VA-CNN is trained on skeleton files, which have no times, so no piece of one can be cut")
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


def _train(
    folder: Path, network: VaCnnNetwork, samples: Mapping[str, Samples], config: VaCnn, progress: ProgressCallback
) -> VaCnnState:
    """Train, or resume from the state in the folder, and write curves and states."""
    state = load_state(folder / RESUME) if (folder / RESUME).exists() else VaCnnState()
    with (
        Curves(folder, len(state.history)) as curves,
        StateSaver[VaCnnState](
            lambda state: save_state(folder / RESUME, state), SAVE_SECONDS, when_interrupted=True
        ) as saver,
    ):

        def after_epoch(state: VaCnnState) -> None:
            curves.add([asdict(epoch) for epoch in state.history])
            saver.add(state)
            progress(len(state.history), config.epochs)

        return train_network(network, samples["train"], samples["validation"], config, state, after_epoch)


def _finished(folder: Path, skip_failed: bool) -> Path:
    """Return the weights of a finished run; refuse one that left out clips if that is not allowed."""
    done = read_completion(folder)
    left_out = sum(map(len, done["left_out"].values()))
    if left_out and not skip_failed:
        raise UserError(
            f"{folder} was trained without {left_out} clips that could not be read; repair them, remove {folder} and "
            "train again, or use it as it is (skip_failed, or --skip-failed)"
        )
    return folder / WEIGHTS


def _find_joint_list(data: VaCnnData) -> JointList | None:
    """Return the joint list of the training and validation clips."""
    clips = [data.manifest.split(split)[data.column] for split in ("train", "validation")]
    return find_joint_list(str(data.root), [path for paths in clips for path in paths])


def _read(
    data: VaCnnData, config: VaCnn, machine: Machine, joint_list: JointList | None, notify: Notify
) -> dict[str, Samples]:
    """Read the samples of each split."""
    samples = {}
    for split in ("train", "validation"):
        clips = data.manifest.split(split)
        notify(f"reading {len(clips)} skeletons of split {split}")
        samples[split] = read_samples(
            {clip: inside(data.root, path) for clip, path in zip(clips["clip_id"], clips[data.column], strict=True)},
            dict(zip(clips["clip_id"], clips["label"], strict=True)),
            data.num_segments,
            legacy_sequence_actors=config.legacy_sequence_actors,
            joint_list=joint_list,
            workers=machine.workers,
            deadline=machine.deadline,
        )
        _check(split, samples[split], len(clips), data.skip_failed, notify)
    return samples


def _check(split: str, samples: Samples, clips: int, skip_failed: bool, notify: Notify) -> None:
    """Refuse or report clips that could not be read; refuse skeletons with different numbers of joints."""
    if not len(samples.labels):
        raise UserError(f"none of the {clips} skeletons of split {split} can be read; the first: {samples.left_out[0]}")
    if samples.left_out:
        sentence = f"{len(samples.left_out)} of {clips} skeletons of split {split} cannot be read; the first: "
        if not skip_failed:
            raise UserError(
                f"{sentence}{samples.left_out[0]}. Repair them, or train without them (skip_failed, or --skip-failed)"
            )
        notify(sentence + samples.left_out[0])
    if not (samples.stretches[..., 2] == samples.joints).all():
        raise UserError(f"the skeletons of split {split} have different numbers of joints; train on one kind of files")


def _stretched(samples: Samples, network: VaCnnNetwork, config: VaCnn) -> Samples:
    """Return the samples; with `legacy_sequence_stretch`, stretch each clip to the extremes of the training data."""
    if not config.legacy_sequence_stretch:
        return samples
    low, high = network.minimum.item(), network.maximum.item()
    clips = torch.tensor_split(samples.points, samples.stretches[1:, :, :, 0].flatten(1).min(dim=1).values)
    return replace(samples, points=torch.cat([stretch_sequence(clip, low, high) for clip in clips]))
