"""The public functions of the extraction, for Python: one file's features, and the content of a feature cache.

torch is imported only by the calls that need it.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from common.config import parse_config
from common.errors import UserError, unknown_name
from extract.cache import Cache, read_cache
from extract.machine import Machine
from extract.skeletons.joint_list import JointList
from manifests.recipes.extraction import Extract, Pictures

if TYPE_CHECKING:
    import torch

    from extract.networks.segment_network import SegmentNetwork

FORMATS = ("numpy", "pandas", "torch")

Array = TypeVar("Array")


@dataclass(frozen=True)
class CacheFeatures(Generic[Array]):
    """The features of a cache.

    Attributes:
        clip_ids: the clips, in the order of the manifest.
        features: (clips, N, D) float32.
        failed: the clips of the cache that have no features, in the order of the manifest.
        settings: the settings that decide the values: backbone, weights, decoder, versions and others.
        num_segments: (clips,) how many segments each clip has, if segments last a fixed time; its other features are
            zeros. None: all have N.
    """

    clip_ids: list[str]
    features: Array
    failed: list[str]
    settings: dict[str, Any]
    num_segments: NDArray[np.int64] | None = None


def extract_video(
    path: str | Path,
    *,
    backbone: str = "tsm_resnet50",
    weights: str | Path | None = None,
    num_segments: int = 10,
    frames_per_segment: int | None = None,
    image_size: int | None = None,
    pictures: Pictures = "segment",
    precision: Literal["fp32", "bf16", "fp16"] = "fp32",
    device: str = "auto",
    runtime: str = "auto",
    decoder: str = "pyav",
    joint_list: str | Path | None = None,
) -> NDArray[np.float32]:
    """Return the segment features of one video or one skeleton file.

    They are the same bytes as those that `python -m extract run` writes with the same settings, if the network has the
    same number of threads. The file is decoded in a process of its own, so a damaged file cannot crash or block the
    caller. The network of the last call stays in memory, and a call with the same settings uses it again.

    Args:
        path: a video, a folder with its frames as images, or, for a backbone of skeletons, a skeleton file.
        backbone: a name of `extract.backbones.BACKBONES`, where "timm:NAME" stands for any model of timm.
        weights: a name of `python -m extract weights list`, a file, "timm-package", "random" or "none"; None: those
            that belong to the backbone.
        num_segments: N.
        frames_per_segment: F; None: what the network was trained with, else 8.
        image_size: the side of the square that the network sees; None: the backbone's own.
        pictures: what `va_cnn` draws: each segment, the beginning up to its end, or both.
        precision: of the network's arithmetic; "auto" is for runs only.
        device: "auto", "cpu", "cuda" or "cuda:1".
        runtime: what computes the network on a CPU: a name of `extract.runtimes.RUNTIMES`, or "auto", the first of them
            that can. On a GPU it is torch.
        decoder: a name of `extract.decoding.decoders.DECODERS`, for videos.
        joint_list: the `joints.toml` of a skeleton in a general format; None: the one in the file's folder, or else in
            the nearest folder above it, if there is one.

    Returns:
        (N, D) float32.

    Raises:
        UserError: an argument is wrong, the weights are missing, or the file cannot be read.
    """
    from extract.backbones import choose_weights
    from extract.file_features import FileFeatures

    chosen = choose_weights(backbone, None if weights is None else str(weights))
    arguments = {
        "backbone": backbone,
        "weights": chosen,
        "segments": num_segments,
        "image_size": image_size,
        "pictures": pictures,
        "precision": precision,
        **({} if frames_per_segment is None else {"frames_per_segment": frames_per_segment}),
    }
    config = parse_config(Extract, arguments, "arguments of extract_video", {"segments": "num_segments"})
    network = _network(config, Machine(device=device, decoder=decoder, runtime=runtime), _state_of(chosen))
    joints = _joints_of(str(path), network, joint_list)
    (made,) = FileFeatures(network, config, decoder, joints).make([str(path)])
    if isinstance(made, str):
        raise UserError(f"{path} has no features: {made}")
    return made.values


@overload
def load_features(cache: str | Path, format: Literal["numpy"] = "numpy") -> CacheFeatures[NDArray[np.float32]]: ...
@overload
def load_features(cache: str | Path, format: Literal["torch"]) -> "CacheFeatures[torch.Tensor]": ...
@overload
def load_features(cache: str | Path, format: Literal["pandas"]) -> pd.DataFrame: ...
def load_features(cache: str | Path, format: str = "numpy") -> CacheFeatures[Any] | pd.DataFrame:
    """Read a feature cache and verify its checksum. Clips that failed have no features and are left out.

    Args:
        cache: the HDF5 file that `python -m extract run` made.
        format: "numpy", "torch" or "pandas".

    Returns:
        "numpy", "torch": a `CacheFeatures` with the features as one array or tensor (clips, N, D).
        "pandas": a data frame with a row for every segment, indexed by `clip_id` and `segment` (1 … N), and the D
        features as columns; `attrs` has the lists `failed` and the dict `settings`.

    Raises:
        UserError: the format is unknown, the file is missing or is no cache, or its content is damaged.
    """
    if format not in FORMATS:
        raise UserError(unknown_name("format", format, FORMATS))
    content = read_cache(Path(cache))
    valid = content.features if content.valid.all() else content.features[content.valid]
    clip_ids, failed = _names(content, True), _names(content, False)
    counts = None if content.num_segments is None else content.num_segments[content.valid]
    if format == "pandas":
        frame = _data_frame(valid, clip_ids, failed, content.settings)
        return frame if counts is None else _own_segments(frame, counts)
    if format == "torch":
        import torch

        return CacheFeatures(clip_ids, torch.from_numpy(valid), failed, content.settings, counts)
    return CacheFeatures(clip_ids, valid, failed, content.settings, counts)


@functools.lru_cache(maxsize=1)
def _network(config: Extract, machine: Machine, weights_state: Sequence[int]) -> "SegmentNetwork":
    """Load a network once. `weights_state` makes a file of weights that was replaced count as another one."""
    from extract.doctor import check_decoder
    from extract.network_loader import load_segment_network

    network = load_segment_network(config, machine)
    if network.backbone.files == "video":
        check_decoder(machine.decoder)
    return network


def _state_of(weights: str) -> tuple[int, ...]:
    """Return what changes when a file of weights is replaced; () if the weights are not a file."""
    path = Path(weights)
    if not path.is_file():
        return ()
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


def _joints_of(path: str, network: "SegmentNetwork", given: str | Path | None) -> JointList | None:
    """Return the joint list that is given, or the one that is found for the file; None for videos."""
    from extract.feature_settings import refuse_other_joints
    from extract.skeletons.joint_list_file import joint_list_of_file, read_joint_list

    if network.backbone.files == "video":
        return None
    joint_list = joint_list_of_file(path) if given is None else read_joint_list(Path(given))
    refuse_other_joints(network.backbone, joint_list)
    return joint_list


def _names(cache: Cache, valid: bool) -> list[str]:
    return [clip_id for clip_id, has_features in zip(cache.clip_id, cache.valid, strict=True) if has_features == valid]


def _own_segments(frame: pd.DataFrame, counts: NDArray[np.int64]) -> pd.DataFrame:
    """Return a data frame without the rows of segments that a clip does not have."""
    number = frame.index.get_level_values("segment").to_numpy()
    return frame[number <= np.repeat(counts, len(frame) // len(counts))]


def _data_frame(
    features: NDArray[np.float32], clip_ids: list[str], failed: list[str], settings: dict[str, Any]
) -> pd.DataFrame:
    _, num_segments, dimension = features.shape
    rows = pd.MultiIndex.from_product([clip_ids, range(1, num_segments + 1)], names=["clip_id", "segment"])
    frame = pd.DataFrame(features.reshape(-1, dimension), index=rows)
    frame.attrs.update(failed=failed, settings=settings)
    return frame
