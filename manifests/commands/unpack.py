"""`manifests unpack`: the archives of a data set into a folder, and whether all of it is there."""

import json
from pathlib import Path
from typing import Annotated

import typer

from common.callbacks import in_megabytes
from common.errors import UserError
from common.exits import resumable
from common.options import Json, with_logs
from common.progress import progress_bars
from manifests.archives import Unpacked, unpack_archives
from manifests.completeness import check_complete
from manifests.datasets import DATASETS, Archives, DataSet

WITH_ARCHIVES = [name for name, one in DATASETS.items() if isinstance(one, DataSet) and one.archives is not None]


@resumable
@with_logs
def unpack(
    dataset: Annotated[str, typer.Argument(help=f"One of {', '.join(WITH_ARCHIVES)}.")],
    out: Annotated[Path, typer.Option(help="Folder to unpack into, and to look for the data set in.")],
    archives: Annotated[
        list[Path] | None, typer.Argument(help="Its .zip and .rar files; without any, the folder is only checked.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Unpack the archives of a data set and say what is missing; without archives also where to get them.

    Unpacked files stay when this is interrupted, and the same command resumes. If all files are there, it writes
    nothing. The checksum of an archive is checked if public loaders know one, and every file is checked against its
    archive. The exit status is 0 if the data set is complete.

    Examples:

    - `python -m manifests unpack ucf101 UCF101.rar --out /data`

    - `python -m manifests unpack ntu60 nturgbd_skeletons_s001_to_s017.zip --out /data/ntu60`

    - `python -m manifests unpack sysu --out /data/SYSU3DAction`
    """
    data_set, known = _find(dataset)
    absent = [path for path in archives or () if not path.is_file()]
    if absent:
        raise UserError(f"there is no archive {absent[0]}; {known.where}")
    done = _unpack(data_set, known, archives, out) if archives else None
    if not out.is_dir():
        raise UserError(f"the folder {out} does not exist; {known.where}")
    if done is not None and not as_json:
        print(f"{done.written} files unpacked into {out}, {done.there} were there")
    complete, sentences = check_complete(data_set, out)
    if as_json:
        files = {"written": done.written, "already_there": done.there} if done else {}
        print(json.dumps({"dataset": dataset, "folder": str(out), "complete": complete, **files, "remarks": sentences}))
    else:
        for sentence in sentences:
            print(sentence)
    if not complete:
        raise UserError(f"{data_set.title} in {out} is not complete; {known.where}")
    if not as_json:
        print(f"{data_set.title} in {out} is complete, by the names of its files")


def _find(name: str) -> tuple[DataSet, Archives]:
    data_set = DATASETS.get(name)
    if isinstance(data_set, DataSet) and data_set.archives is not None:
        return data_set, data_set.archives
    raise UserError(f"the archives of {name!r} are not known; known: {', '.join(WITH_ARCHIVES)}")


def _unpack(data_set: DataSet, known: Archives, archives: list[Path], out: Path) -> Unpacked:
    with progress_bars() as bar:
        progress = in_megabytes(bar(f"unpack {data_set.title}", "MB"))
        return unpack_archives(archives, out, known.checksums, progress)
