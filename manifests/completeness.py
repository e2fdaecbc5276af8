"""Whether a folder has all files of a data set, by their names."""

from pathlib import Path

from common.errors import UserError
from manifests.datasets.data_set import Archives, DataSet
from manifests.manifest import path_columns
from manifests.published import is_whole


def check_complete(data_set: DataSet, folder: Path) -> tuple[bool, list[str]]:
    """Return whether a folder has all of a data set, and sentences about what is missing.

    Empty files count as missing. The content of the other files is not checked: a damaged clip is found when it is
    read.
    """
    try:
        manifest, sentences = data_set.build(folder)
    except UserError as error:  # too few files, or the wrong ones
        return False, [str(error)]
    archives = data_set.archives or Archives(where="")
    lacking = [column for column in archives.columns if column not in manifest.clips]
    sentences += archives.remarks(folder) if archives.remarks is not None else []
    sentences += [f"no manifest column {column}: not every clip has its files" for column in lacking]
    paths = [path for column in path_columns(manifest.clips) for path in manifest.clips[column]]
    empty = [path for path in paths if (folder / path).is_file() and (folder / path).stat().st_size == 0]
    if empty:
        sentences.append(f"{len(empty)} files are empty, as {empty[0]}; remove them and unpack again")
    return is_whole(manifest) and not lacking and not empty, sentences
