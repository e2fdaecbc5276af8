"""Raw videos and skeletons to segment features, ten per clip, in one verified HDF5 file.

`sources` lists and fetches the clips, `decoding` turns videos into frames, `skeletons` reads skeleton files, and
`poses` makes them of videos. `backbones` are the networks that can be chosen by name; `networks` and `va_cnn` are what
they are built from. `shards` stores the finished part of a run, `cluster` starts workers for it, `run` controls a whole
run, and `cache` reads and writes its result.

The public names are imported when they are first used, because the decode workers import this package and must start
without torch.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from extract.api import CacheFeatures, extract_video, load_features
    from extract.poses.file_poses import extract_poses

__all__ = ["CacheFeatures", "extract_poses", "extract_video", "load_features"]

_MODULES = {
    "CacheFeatures": "extract.api",
    "extract_poses": "extract.poses.file_poses",
    "extract_video": "extract.api",
    "load_features": "extract.api",
}


def __getattr__(name: str) -> object:
    from common.lazy import find_name  # here, because `early_recognition` first checks whose package `common` is

    return find_name(__name__, _MODULES, name)
