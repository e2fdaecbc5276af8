"""UTD-MHAD: 861 clips of 27 actions by 8 subjects, each with a skeleton, under the usual cross-subject protocol.

Subjects 1, 3, 5, 7 are for training and 2, 4, 6, 8 for testing (Chen, Jafari, Kehtarnavaz, ICIP 2015). Clips are found
by the names of the files in the download. Three of the 864 combinations were not published.
"""

from collections.abc import Collection
from pathlib import Path

from common.errors import UserError
from manifests.datasets.clip_files import find_clips, paths_of_clips
from manifests.datasets.data_set import DataSet
from manifests.datasets.hold_out import hold_out as hold_out_subjects
from manifests.manifest import COLUMNS, Manifest, check

PROTOCOLS = ("utd-mhad-xsub",)
TRAINING = frozenset({1, 3, 5, 7})
HOLD_OUT = (7,)  # the last of the four; each has a quarter of the training clips, and less cannot be held out

_CLIP = r"(a\d{1,2}_s\d_t\d)"  # action, subject, trial
# The kinds of recording; the first one that exists is `path`. The download has no videos of the depth.
_KINDS = {"skeleton": rf"{_CLIP}_skeleton\.mat", "depth": rf"{_CLIP}\.avi", "color": rf"{_CLIP}_color\.avi"}
_NOT_PUBLISHED = frozenset({"a8_s1_t4", "a23_s6_t4", "a27_s8_t4"})

# In the order of the data set's page: the index of a class is the number of the action minus one.
CLASSES = (
    "right arm swipe to the left",
    "right arm swipe to the right",
    "right hand wave",
    "two hand front clap",
    "right arm throw",
    "cross arms in the chest",
    "basketball shoot",
    "right hand draw x",
    "right hand draw circle (clockwise)",
    "right hand draw circle (counter clockwise)",
    "draw triangle",
    "bowling (right hand)",
    "front boxing",
    "baseball swing from right",
    "tennis right hand forehand swing",
    "arm curl (two arms)",
    "tennis serve",
    "two hand push",
    "right hand knock on door",
    "right hand catch an object",
    "right hand pick up and throw",
    "jogging in place",
    "walking in place",
    "sit to stand",
    "stand to sit",
    "forward lunge (left foot forward)",
    "squat (two arms stretch out)",
)


def clip_ids() -> list[str]:
    """Return the names of the 861 clips (`a1_s1_t1`), by action, subject and trial."""
    names = [
        f"a{action}_s{subject}_t{trial}"
        for action in range(1, len(CLASSES) + 1)
        for subject in range(1, 9)
        for trial in range(1, 5)
    ]
    return [name for name in names if name not in _NOT_PUBLISHED]


def build(folder: Path, protocol: str, *, hold_out: Collection[int] | None = None) -> tuple[Manifest, list[str]]:
    """Make the manifest of the UTD-MHAD clips in a folder, at any depth.

    The files are the skeletons `<clip>_skeleton.mat`, the colour videos `<clip>_color.avi`, and videos `<clip>.avi` of
    the depth. Each kind that exists for every clip is a column: path_skeleton, path_depth, path_color; `path` is the
    first of them. If a clip is missing, the protocol is named `<protocol>-subset`.

    Args:
        folder: paths in the manifest are relative to it.
        protocol: one of `PROTOCOLS`.
        hold_out: training subjects to use for validation; None: `HOLD_OUT`. See `hold_out` for the name.

    Returns:
        The manifest, with the columns action, subject and trial; and sentences about missing clips.

    Raises:
        UserError: unknown protocol, a held-out subject that is not a training subject, no such folder, two files
            for one clip, an empty split.
    """
    if protocol not in PROTOCOLS:
        raise UserError(f"no protocol {protocol!r}; known: {', '.join(PROTOCOLS)}")
    validation, name = hold_out_subjects(protocol, TRAINING, HOLD_OUT, hold_out)

    wanted = clip_ids()
    found, sentences = paths_of_clips(
        folder, wanted, {kind: find_clips(folder, names) for kind, names in _KINDS.items()}
    )
    if len(found) < len(wanted):
        name += "-subset"
    numbers = found["clip_id"].str.extract(r"a(?P<action>\d+)_s(?P<subject>\d)_t(?P<trial>\d)").astype(int)
    trained = numbers["subject"].isin(TRAINING)
    split = trained.map({True: "train", False: "test"}).where(~numbers["subject"].isin(validation), "validation")
    clips = found.assign(
        label=numbers["action"] - 1,
        class_name=[CLASSES[action - 1] for action in numbers["action"]],
        group=[f"s{subject}" for subject in numbers["subject"]],
        split=split,
        protocol=name,
    ).join(numbers)
    manifest = Manifest(clips[[*COLUMNS, *(column for column in clips if column not in COLUMNS)]], CLASSES)
    check(manifest.clips, manifest.classes, f"UTD-MHAD in {folder}")
    return manifest, sentences


UTD_MHAD = DataSet(
    title="UTD-MHAD",
    protocols=PROTOCOLS,
    builder=build,
    files="Folder of the skeletons and videos, searched at any depth.",
    folder="/data/utd_mhad",
    sizes={"utd-mhad-xsub": (27, 431, 430)},
)
