"""HMDB51 and JHMDB: split lists `<class>_test_split<number>.txt`, and files in a folder of each class.

A line of a list is a file and a number: 1 for a training clip, 2 for a test clip, 0 for a clip that the split leaves
out. The names of the files say what a clip was cut from, as in `AmericanGangster_drink_u_nm_np1_fr_bad_30.avi`.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from common.errors import UserError, first_few
from common.files import refuse_no_folder
from manifests.datasets.clip_files import all_below
from manifests.datasets.listed_clips import listed_manifest
from manifests.datasets.source_hold_out import hold_out_sources
from manifests.manifest import Manifest

SPLIT_OF = {"1": "train", "2": "test"}
_SUFFIX = ".avi"
# What is visible, the camera's motion, the number of people, the viewpoint, the quality, a number.
_TAGS = re.compile(r"_[hulf]_(nm|cm)_np\d+_(fr|ba|le|ri)_(bad|med|goo)_\d+$")


@dataclass(frozen=True)
class ListedSet:
    """A data set with such lists.

    Attributes:
        name: begins the names of its protocols, `<name>-split1` to `<name>-split3`.
        title: its name in sentences.
        classes: in the order of their indices.
        kinds: by kind of recording, what tells whether a file or folder is one; the first kind that exists is `path`.
        clips: how many training and test clips a list of each split has together.
    """

    name: str
    title: str
    classes: tuple[str, ...]
    kinds: Mapping[str, Callable[[Path], bool]]
    clips: int

    @property
    def protocols(self) -> tuple[str, ...]:
        """The names of the protocols."""
        return tuple(f"{self.name}-split{number}" for number in (1, 2, 3))

    def build(
        self, folder: Path, protocol: str, *, hold_out: Collection[int] | None = None
    ) -> tuple[Manifest, list[str]]:
        """Make the manifest of the clips in a folder, at any depth.

        If a clip is missing, the protocol is named `<protocol>-subset`.

        Args:
            folder: has the split lists and the folders of the classes; paths in the manifest are relative to it.
            protocol: one of `protocols`.
            hold_out: None: a tenth of the training clips, see `source_hold_out`; empty: none.

        Returns:
            The manifest, whose column group has the source of each clip; and sentences about missing clips.

        Raises:
            UserError: unknown protocol, no such folder, a list is missing, twice there or damaged, a clip has two
                files, numbers were given to hold out, an empty split.
        """
        if protocol not in self.protocols:
            raise UserError(f"no protocol {protocol!r}; known: {', '.join(self.protocols)}")
        refuse_no_folder(folder)
        below = all_below(folder)
        listed = read_split_lists(folder, below, self.classes, int(protocol[-1]))
        if len(listed) != self.clips:
            raise UserError(
                f"the lists of {protocol} in {folder} have {len(listed)} clips and not {self.clips}: they are damaged, "
                "or of another data set"
            )
        found = {kind: _by_class(folder, below, self.classes, accept) for kind, accept in self.kinds.items()}
        classes, sources, splits = (listed[name].tolist() for name in ("class_name", "group", "split"))
        listed = listed.assign(split=hold_out_sources(protocol, classes, sources, splits, hold_out))
        return listed_manifest(folder, self.title, protocol, listed, self.classes, found)


def read_split_lists(folder: Path, below: Sequence[Path], classes: Sequence[str], number: int) -> pd.DataFrame:
    """Return the training and test clips of a split, in the order of the classes and of their lists.

    Args:
        folder: for the sentences.
        below: what is in it.
        classes: which have a list each.
        number: of the split.

    Returns:
        Columns clip_id (`<class>/<name>`), class_name, group (the clip's source) and split.

    Raises:
        UserError: a list is missing, twice there or damaged.
    """
    lists: dict[str, Path] = {}
    for path in below:
        name = path.name.removesuffix(f"_test_split{number}.txt")
        if name not in classes or name == path.name:
            continue
        if name in lists:
            raise UserError(f"two lists of one class in {folder}: {lists[name]} and {path}; keep one")
        lists[name] = path
    if missing := [f"{name}_test_split{number}.txt" for name in classes if name not in lists]:
        raise UserError(
            f"{len(missing)} of the {len(classes)} lists of split {number} are not in {folder}: {first_few(missing)}; "
            "unpack the archive of the split lists there"
        )
    rows = [
        (f"{name}/{clip}", name, source_of(clip, name), SPLIT_OF[kind])
        for name in classes
        for clip, kind in _lines(lists[name])
        if kind in SPLIT_OF
    ]
    return pd.DataFrame(rows, columns=["clip_id", "class_name", "group", "split"])


def source_of(clip: str, class_name: str) -> str:
    """Return what a clip was cut from, by its name; a name of another form is its own source."""
    name = _TAGS.sub("", clip)
    return name if name == clip else name.removesuffix(f"_{class_name}")


def _lines(path: Path) -> list[tuple[str, str]]:
    """Return the clips of a list, without the suffix of their files, with their numbers."""
    lines = []
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read the list {path}: {error}") from error
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        name, _, kind = line.strip().rpartition(" ")
        if kind not in ("0", "1", "2") or not name.strip().endswith(_SUFFIX):
            raise UserError(f"{path}, line {number}: {line!r} is not a file {_SUFFIX} and 0, 1 or 2")
        lines.append((name.strip().removesuffix(_SUFFIX), kind))
    return lines


def _by_class(
    folder: Path, below: Sequence[Path], classes: Sequence[str], accept: Callable[[Path], bool]
) -> dict[str, str]:
    """Return the recordings that are in a folder of a class: `<class>/<name>` → path relative to the folder."""
    found: dict[str, str] = {}
    for path in below:
        if path.parent.name not in classes or path.name.startswith(".") or not accept(path):
            continue
        clip = f"{path.parent.name}/{path.name.removesuffix(_SUFFIX)}"
        relative = path.relative_to(folder).as_posix()
        other = found.setdefault(clip, relative)
        if other != relative:
            raise UserError(f"two files for one clip in {folder}: {other} and {relative}; keep one")
    return found


def is_video(path: Path) -> bool:
    """Tell whether a path is a video of these sets."""
    return path.suffix == _SUFFIX and path.is_file()


def is_folder_of_frames(path: Path) -> bool:
    """Tell whether a path is a folder with images."""
    return path.is_dir() and any(file.suffix in (".png", ".jpg") for file in path.iterdir())
