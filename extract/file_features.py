"""The features of single files, without a run folder and without a cache: `FileFeatures`.

`extract_video` and the recognition of new recordings use it. The files are decoded in processes of their own, so a
damaged file cannot crash or block the caller.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from extract.clip import Clip
from extract.decoding.decode_process import DecodeTask, Failure
from extract.decoding.pool import decode_all
from extract.feature_settings import segment_time
from extract.machine import Machine
from extract.networks.segment_network import SegmentNetwork
from extract.skeletons.joint_list import JointList
from manifests.recipes.extraction import Extract


class Features(NamedTuple):
    """The features of one file: (N, D) float32, or (M, D) of M segments of a fixed time; the number of its frames."""

    values: NDArray[np.float32]
    num_frames: int


@dataclass(frozen=True)
class FileFeatures:
    """Makes the features of files. They are the bytes that a run writes with the same settings.

    Attributes:
        network: the backbone.
        config: what the network was loaded with; it says which frames of a file are taken.
        decoder: a name of `extract.decoding.decoders.DECODERS`, for videos.
        joint_list: of skeleton files in a general format; None: there is none.
    """

    network: SegmentNetwork
    config: Extract
    decoder: str
    joint_list: JointList | None = None

    def make(self, paths: Sequence[str], workers: int = 1) -> Iterator[Features | str]:
        """Yield the features of files in their order, or the reason why a file has none.

        Args:
            paths: local files, folders of images, or URLs.
            workers: decode processes at most.
        """
        ready: dict[int, Features | str] = {}
        done = 0
        for number, num_frames, values in self.network.stream(self._clips(paths, workers, ready)):
            finite = np.isfinite(values).all()
            ready[int(number)] = Features(values, num_frames) if finite else "a feature is not a finite number"
            while done in ready:
                yield ready.pop(done)
                done += 1
        for index in range(done, len(paths)):
            yield ready.pop(index)

    def _clips(
        self, paths: Sequence[str], workers: int, failed: dict[int, Features | str]
    ) -> Iterator[tuple[str, Clip]]:
        """Yield the clips that can be decoded; write the reasons of the others into `failed`."""
        joints = self.network.backbone.joints
        tasks = (self._task(index, path) for index, path in enumerate(paths))
        for outcome in decode_all(tasks, workers=min(workers, len(paths)), deadline=Machine.deadline):
            if isinstance(outcome, Failure):
                failed[int(outcome.clip_id)] = outcome.reason
            elif joints and (outcome[1].segments[..., 2] != joints).any():
                failed[int(outcome[0])] = f"its skeletons do not have the {joints} joints that the network takes"
            else:
                yield outcome

    def _task(self, index: int, path: str) -> DecodeTask:
        backbone = self.network.backbone
        return DecodeTask(
            clip_id=str(index),
            path=path,
            num_segments=self.config.segments,
            frames_per_segment=self.config.frames,
            decoder=self.decoder if backbone.files == "video" else "skeleton",
            expected=0,
            legacy_sequence_actors=backbone.legacy_sequence_actors,
            joint_list=self.joint_list,
            geometry=self.network.geometry,
            segment_time=segment_time(self.config),
            poses=backbone.poses,
        )
