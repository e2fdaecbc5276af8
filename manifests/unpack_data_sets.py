"""Which archives each data set comes in, where they are from, what of them is known, and when a folder is whole.

Checksums are those that public loaders carry; no owner publishes any. Of clips only the names are known, so a damaged
one is found when it is read. Nothing is downloaded and nothing unpacked here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from common.errors import UserError
from manifests.datasets import ntu60, sysu, ucf101
from manifests.manifest import Manifest, path_columns
from manifests.published import is_whole

CLASS_LIST = "classInd.txt"  # of UCF101's split lists


@dataclass(frozen=True)
class DataSet:
    """How a data set comes into a folder.

    Attributes:
        title: its name.
        where: what to download from where, and by whose leave, as an order; what of that is not confirmed.
        build: makes its manifest from a folder, and sentences about what is not there.
        columns: of the manifest, what each clip must have.
        checksums: of archives, by file name.
    """

    title: str
    where: str
    build: Callable[[Path], tuple[Manifest, list[str]]]
    columns: tuple[str, ...] = ("path",)
    checksums: Mapping[str, str] = field(default_factory=dict)


def look(data_set: DataSet, folder: Path) -> tuple[bool, list[str]]:
    """Tell whether a folder has all of a data set, by the names of its files, and what there is to say.

    Clips of no bytes count as missing. What is in the others is not looked at.
    """
    try:
        manifest, said = data_set.build(folder)
    except UserError as error:  # too little of it, or the wrong files
        return False, [str(error)]
    lacking = [column for column in data_set.columns if column not in manifest.clips]
    said += [f"no manifest column {column}: not every clip has its files" for column in lacking]
    paths = [path for column in path_columns(manifest.clips) for path in manifest.clips[column]]
    empty = [path for path in paths if (folder / path).is_file() and (folder / path).stat().st_size == 0]
    if empty:
        said.append(f"{len(empty)} files are empty, as {empty[0]}; remove them and unpack again")
    return is_whole(manifest) and not lacking and not empty, said


def _ucf101(folder: Path) -> tuple[Manifest, list[str]]:
    manifest, missing = ucf101.build(folder, "ucf101-early-15-3-7")
    said = [f"{len(missing)} clips of the official list are not in {folder}; the first: {', '.join(missing[:3])}"]
    lists = sorted(folder.rglob(CLASS_LIST))
    return manifest, [*(said if missing else []), *(official_lists(lists[0].parent) if lists else [])]


def official_lists(folder: Path) -> list[str]:
    """Say in what UCF101's own class and split lists in a folder differ from those that come with the project.

    Nothing here needs them; who has them can see that both are the same.
    """
    names = {CLASS_LIST: {f"{number} {name}" for number, name in enumerate(ucf101.class_order(), start=1)}}
    for split in (1, 2, 3):
        clips = ucf101.complete(f"ucf101-split{split}").clips
        for name in ("train", "test"):
            names[f"{name}list0{split}.txt"] = set(clips.loc[clips["split"] == name, "path"])
    other = []
    for name, ours in names.items():
        path = folder / name
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n") if path.is_file() else []
        # A line of the lists is "Class/clip.avi", in those for training followed by the class's number.
        theirs = {line.strip() if name == CLASS_LIST else line.split()[0] for line in lines if line.strip()}
        if theirs != ours:
            other.append(name)
    if other:
        return [f"not what the project has, and nothing needs: {', '.join(other)} in {folder}; damaged or other lists"]
    return [f"UCF101's own lists in {folder} are the ones that come with the project"]


DATA_SETS = {
    "ucf101": DataSet(
        "UCF101",
        "download UCF101.rar (7 GB) from https://www.crcv.ucf.edu/data/UCF101/UCF101.rar under its owners' terms, and "
        "give it to this command; the split lists beside it, UCF101TrainTestSplits-RecognitionTask.zip, are not needed",
        _ucf101,
        checksums={  # of torchvision's prototype data sets, and of the second in TensorFlow Datasets too
            "UCF101.rar": "sha256:ca8dfadb4c891cb11316f94d52b6b0ac2a11994e67a0cae227180cd160bd8e55",
            "UCF101TrainTestSplits-RecognitionTask.zip": (
                "sha256:5c0d1a53b8ed364a2ac830a73f405e51bece7d98ce1254fd19ed4a36b224bd27"
            ),
        },
    ),
    "ntu60": DataSet(
        "NTU RGB+D 60",
        "ask for access at https://rose1.ntu.edu.sg/dataset/actionRecognition (a signed form, so nobody else can give "
        "you the files), download nturgbd_skeletons_s001_to_s017.zip (5.8 GB), and give it to this command; of its "
        "56,880 skeletons 302 are listed as missing or incomplete and are left out, so 56,578 count",
        partial(ntu60.build, protocol="ntu60-xsub"),
        checksums={"nturgbd_skeletons_s001_to_s017.zip": "md5:67d9e24f858e5736a9826a2065e229fe"},  # of several loaders
    ),
    "sysu": DataSet(
        "SYSU 3DHOI",
        "download its archives from the authors' page, https://www.isee-ai.cn/~hujianfang/ProjectJOULE.html, under "
        "their terms, and give them to this command; what they are called and how many they are is not confirmed here, "
        "but that 3DvideoNorm/<actor>/video<1 to 12>/ with rgb/ and sklWorld.mat must come out, of 40 actors",
        partial(sysu.build, protocol=sysu.FIXED),
        columns=("path_rgb", "path_skeleton"),
    ),
}
