"""`python -m manifests unpack`: a data set's archives into a folder, and whether all of it is there."""

from pathlib import Path
from typing import Annotated

import typer

from common.errors import UserError
from manifests.unpack import unpack as unpack_archives
from manifests.unpack_data_sets import DATA_SETS, look


def unpack(
    dataset: Annotated[str, typer.Argument(help=f"One of {', '.join(DATA_SETS)}.")],
    out: Annotated[Path, typer.Option(help="Folder to unpack into, and to look for the data set in.")],
    archives: Annotated[list[Path] | None, typer.Argument(help="Its .zip and .rar files; none: only look.")] = None,
) -> None:
    """Unpack a data set's archives and say what is missing; without archives also where they come from.

    What was unpacked stays when this is interrupted, and the same command goes on; again, it does nothing. Archives
    that public loaders know a checksum of are checked, and every file is, against its archive. Exit status: 0 if the
    data set is whole.

    Examples:

    - `python -m manifests unpack ucf101 UCF101.rar --out /data`

    - `python -m manifests unpack ntu60 nturgbd_skeletons_s001_to_s017.zip --out /data/ntu60`

    - `python -m manifests unpack sysu --out /data/SYSU3DAction`
    """
    if dataset not in DATA_SETS:
        raise UserError(f"nothing is known of the archives of {dataset!r}; known: {', '.join(DATA_SETS)}")
    known = DATA_SETS[dataset]
    absent = [path for path in archives or () if not path.is_file()]
    if absent:
        raise UserError(f"there is no archive {absent[0]}; {known.where}")
    if archives:
        with typer.progressbar(length=1000, label=f"unpack {known.title}") as bar:
            done = unpack_archives(
                archives, out, known.checksums, lambda now, total: bar.update(1000 * now // (total or 1) - bar.pos)
            )
        print(f"{done.written} files unpacked into {out}, {done.there} were there")
    if not out.is_dir():
        raise UserError(f"the folder {out} does not exist; {known.where}")
    whole, said = look(known, out)
    for sentence in said:
        print(sentence)
    if not whole:
        raise UserError(f"{known.title} in {out} is not whole; {known.where}")
    print(f"{known.title} in {out} is whole, by the names of its files")
