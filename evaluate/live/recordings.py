"""The recordings that a user means: files, folders, patterns and URLs; with several streams a file for each.

An input that means no recording becomes an `Unusable` with the reason, so that the others are recognised.
"""

import glob
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from common.errors import UserError
from evaluate.live.recognition import Recording, Unusable
from extract.decoding.frame_folder import SUFFIXES as IMAGE_SUFFIXES
from extract.sources.folder import FOLDER
from extract.sources.location import is_url, join
from manifests.file_kinds import SKELETON_SUFFIXES, SUFFIXES, VIDEO_SUFFIXES, suffix_of

KINDS = {"video": VIDEO_SUFFIXES, "skeleton": SKELETON_SUFFIXES}
PLURALS = {"video": "videos", "skeleton": "skeleton files"}


def find_recordings(
    inputs: Sequence[str], streams: Mapping[str, str], *, together: bool = False
) -> list[Recording | Unusable]:
    """Return the recordings that are meant, in the order of the inputs; those of a folder or a pattern are sorted.

    Args:
        inputs: for a model of one stream a file, a folder of images, a folder that is searched, a pattern with * or
            a URL. For a model of several streams `rgb=a.mp4,skeleton=a.npy`.
        streams: "video" or "skeleton" by stream of the model.
        together: all streams are made from the same file, so that an input is written as for one stream.
    """
    if len(streams) > 1 and not together:
        return [_with_streams(text, list(streams)) for text in inputs]
    kind = next(iter(streams.values()))
    found: list[Recording | Unusable] = []
    for text in inputs:
        found += _of_one_file(text.removeprefix("file://"), list(streams), kind)
    return found


def _with_streams(text: str, streams: Sequence[str]) -> Recording | Unusable:
    names = "|".join(map(re.escape, streams))
    parts = [part.partition("=") for part in re.split(rf",(?=(?:{names})=)", text)]
    files = {name: path for name, _, path in parts if path}
    if len(parts) != len(streams) or set(files) != set(streams):
        wanted = ",".join(f"{name}=FILE" for name in streams)
        return Unusable(text, f"the model has the streams {', '.join(streams)}; write {wanted}")
    return Recording(text, files)


def _of_one_file(text: str, streams: Sequence[str], kind: str) -> Iterator[Recording | Unusable]:
    if not text:
        yield Unusable("''", "the input is empty")
    elif is_url(text) and suffix_of(text.partition("?")[0], SUFFIXES):
        yield Recording(text, dict.fromkeys(streams, text))
    elif is_url(text) or Path(text).is_dir():
        yield from _of_folder(text, streams, kind)
    elif Path(text).exists():
        yield Recording(text, dict.fromkeys(streams, text))
    elif matches := sorted(glob.glob(text, recursive=True)) if glob.has_magic(text) else []:  # noqa: PTH207
        for match in matches:
            yield from _of_one_file(match, streams, kind)
    else:
        yield Unusable(text, "no file matches this pattern" if glob.has_magic(text) else "it does not exist")


def _of_folder(folder: str, streams: Sequence[str], kind: str) -> Iterator[Recording | Unusable]:
    """Yield the recordings below a folder; if there are none, the folder itself if it has the frames of a video."""
    try:
        table, root = FOLDER.read(folder, None, "path")
        paths = [join(root, path) for path in table["path"]]
    except UserError as error:
        yield Unusable(folder, str(error))
        return
    chosen = [path for path in paths if suffix_of(path, KINDS[kind])]
    for path in chosen:
        yield Recording(path, dict.fromkeys(streams, path))
    if chosen:
        return
    if kind == "video" and not is_url(folder) and _has_images(Path(folder)):
        yield Recording(folder, dict.fromkeys(streams, folder))
        return
    others = f", but {len(paths)} other recordings" if paths else ""
    yield Unusable(folder, f"there are no {PLURALS[kind]} in it{others}; the model takes {PLURALS[kind]}")


def _has_images(folder: Path) -> bool:
    return any(path.suffix.lower() in IMAGE_SUFFIXES for path in folder.iterdir())
