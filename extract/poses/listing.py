"""Which videos get poses, and the file of each: in the same folders, with the same name but for its end."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.errors import UserError
from extract.sources.folder import FOLDER
from manifests.file_kinds import VIDEO_SUFFIXES, suffix_of

SUFFIX = ".npy"


@dataclass(frozen=True)
class Wanted:
    """A video, and its file of poses relative to the folder of results."""

    video: Path
    poses: str


def list_videos(inputs: Sequence[Path]) -> list[Wanted]:
    """Return the videos of folders and files, sorted within each folder.

    Args:
        inputs: folders, searched at any depth, whose inner folders are kept; and files, which get no folder.

    Raises:
        UserError: an input does not exist, a folder has no videos, or two videos would have one file of poses.
    """
    wanted: dict[str, Wanted] = {}
    for place in inputs:
        if not place.exists():
            raise UserError(f"{place} does not exist; give folders of videos, or video files")
        for video, poses in _in_folder(place) if place.is_dir() else [(place, f"{place.stem}{SUFFIX}")]:
            other = wanted.setdefault(poses, Wanted(video, poses))
            if other.video != video:
                raise UserError(
                    f"{other.video} and {video} would both have the poses {poses}; rename one, or give another --out"
                )
    return list(wanted.values())


def _in_folder(folder: Path) -> list[tuple[Path, str]]:
    table, _ = FOLDER.read(str(folder), None, "path")
    videos = [(path, suffix) for path in table["path"] if (suffix := suffix_of(path, VIDEO_SUFFIXES))]
    if not videos:
        raise UserError(f"no videos in {folder}: no file there ends in {', '.join(VIDEO_SUFFIXES)}")
    return [(folder / path, path.removesuffix(suffix) + SUFFIX) for path, suffix in videos]
