"""The poses of many videos: a skeleton file for each, which is complete or absent, in a folder with their joint list.

Files that are there are left, so a run that was interrupted resumes. The settings of the folder are in `poses.json`.
Other settings are refused, because a set of skeletons has one kind of coordinates.
"""

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from filelock import Timeout
from pydantic import Field

from common.callbacks import ProgressCallback, no_progress
from common.config import Config
from common.errors import UserError
from common.files import atomic_write, remove_leftovers, write_text
from common.locks import locked
from extract.decoding.decode_process import DecodeTask, Failure
from extract.decoding.pool import decode_all
from extract.openvino_core import OpenVinoNotInstalled, openvino_version
from extract.poses.joint_names import joint_list_text
from extract.poses.listing import Wanted, list_videos
from extract.poses.packages import find_model, model_files
from extract.poses.settings import Coordinates, PoseSettings
from extract.skeletons.general import MAX_PERSONS
from extract.skeletons.joint_list import FILE_NAME
from manifests.pose_models import DETECTOR

SETTINGS = "poses.json"


class PoseConfig(Config):
    """What decides the values of poses."""

    model: str = "full"  # lite, full or heavy
    persons: int = Field(default=1, ge=1, le=MAX_PERSONS)  # the most in a frame
    coordinates: Coordinates = "world"


@dataclass(frozen=True)
class PoseMachine:
    """How the work is done; no value depends on it.

    Attributes:
        workers: processes, each with one video and one core.
        deadline: seconds without a new frame after which a video fails.
        weights_folder: the folder of the models; None: the default folder.
    """

    workers: int = 1
    deadline: float = 60.0
    weights_folder: Path | None = None


@dataclass
class PoseOutcome:
    """What became of the videos, by the names of their files of poses.

    Attributes:
        written: the files that were made.
        there: the files that were there before.
        empty: those of `written` in which nobody is seen in any frame.
        failures: why a video has no file, by the video's path.
        frames: the number of frames in `written`.
    """

    written: list[str] = field(default_factory=list)
    there: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    frames: int = 0


def pose_settings(config: PoseConfig, machine: PoseMachine) -> PoseSettings:
    """Return what a worker is told.

    Raises:
        UserError: the model is unknown, its files are missing or damaged, or OpenVINO is not installed.
    """
    try:
        openvino_version()
    except OpenVinoNotInstalled as error:
        raise UserError(f"poses are computed by OpenVINO, and {error}") from error
    detector, landmarks = model_files(config.model, machine.weights_folder)
    return PoseSettings(str(detector), str(landmarks), config.persons, config.coordinates)


def pose_record(config: PoseConfig) -> dict[str, object]:
    """Return what decides the values of poses, fit for JSON: the config, and the networks by their hashes.

    Raises:
        UserError: the model is unknown.
    """
    name, landmarks = find_model(config.model)
    hashes = {"detector_sha256": DETECTOR.sha256, "landmarks_sha256": landmarks.sha256}
    return config.model_dump() | {"model": name, **hashes}


def make_poses(
    videos: Sequence[Path],
    out: Path,
    config: PoseConfig,
    machine: PoseMachine,
    *,
    stop: threading.Event | None = None,
    progress: ProgressCallback = no_progress,
) -> PoseOutcome:
    """Make the poses of videos that have none yet.

    Args:
        videos: folders of videos, or video files.
        out: the folder of the skeleton files.
        config: what decides the values.
        machine: how the work is done.
        stop: once it is set, the work ends after the files that are complete.
        progress: called with the videos done and all of them.

    Raises:
        UserError: there are no videos, the model is missing, or the folder has poses of other settings.
    """
    wanted = list_videos(videos)
    settings = pose_settings(config, machine)
    outcome = PoseOutcome()
    try:
        with locked(out / ".poses.lock"):
            _claim(out, config)
            outcome.there = [each.poses for each in wanted if (out / each.poses).is_file()]
            missing = {each.poses: each for each in wanted if each.poses not in set(outcome.there)}
            _make(missing, out, settings, machine, outcome, stop, lambda done: progress(done, len(wanted)))
    except Timeout as error:
        raise UserError(f"another process makes poses in {out}; wait for it") from error
    except OSError as error:
        raise UserError(f"cannot write {out}: {error.strerror or error}") from error
    return outcome


def _make(
    missing: dict[str, Wanted],
    out: Path,
    settings: PoseSettings,
    machine: PoseMachine,
    outcome: PoseOutcome,
    stop: threading.Event | None,
    progress: Callable[[int], None],
) -> None:
    """Make the files of poses that are missing, and note what became of them."""
    tasks = (DecodeTask(name, str(each.video), 0, 0, "pyav", 0, poses=settings) for name, each in missing.items())
    workers = min(machine.workers, max(len(missing), 1))
    done = len(outcome.there)
    progress(done)
    for made in decode_all(tasks, workers=workers, deadline=machine.deadline, stop=stop):
        if isinstance(made, Failure):
            outcome.failures[str(missing[made.clip_id].video)] = made.reason
        else:
            name, clip = made
            poses = clip.content if settings.persons > 1 else clip.content[:, 0]
            with atomic_write(out / name) as temporary, temporary.open("wb") as file:
                np.save(file, poses)
            outcome.written.append(name)
            outcome.frames += clip.num_frames
            if np.isnan(poses).all():
                outcome.empty.append(name)
        done += 1
        progress(done)
    outcome.written.sort()
    outcome.empty.sort()


def _claim(out: Path, config: PoseConfig) -> None:
    """Write the joint list and the settings into a new folder; refuse a folder of other settings."""
    record = pose_record(config) | {"openvino": openvino_version()}
    path = out / SETTINGS
    try:
        before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    except ValueError as error:
        raise UserError(f"{path} is damaged: {error}; give another --out, or remove the folder") from error
    if before is not None and before != record:
        differing = [key for key in record if not isinstance(before, dict) or before.get(key) != record[key]]
        what = ", ".join(f"{key} {before.get(key)} there, {record[key]} now" for key in differing)
        raise UserError(f"the poses in {out} have other settings ({what}); give another --out, or remove the folder")
    for folder in (out, *(each for each in out.rglob("*") if each.is_dir())):
        remove_leftovers(folder)
    if before is None:
        write_text(out / FILE_NAME, joint_list_text(config.coordinates))
        write_text(path, json.dumps(record, indent=1) + "\n")
