"""Import a folder from Python: `from_folder`."""

from pathlib import Path

from common.callbacks import Notify, no_notice
from manifests.importing.division import Shares
from manifests.importing.folder_import import import_clips
from manifests.importing.written_files import MANIFEST, write_import
from manifests.manifest import Manifest, read_manifest
from manifests.recipes.recipe_files import name_of_folder


def from_folder(
    source: str | Path,
    out: str | Path,
    *,
    videos: str | Path | None = None,
    validation: float = 0.15,
    test: float = 0.25,
    seed: int = 0,
    group_regex: str | None = None,
    force: bool = False,
    notify: Notify = no_notice,
) -> Manifest:
    """Write manifest.csv, manifest.classes.txt and recipe.toml for the clips of a folder, and return the manifest.

    Args:
        source: a folder with a subfolder for each class, or with folders train, validation and test that have them; or
            a CSV with the columns path,label (and split, group, start, end), or as Kinetics has it.
        out: the folder of the three files. It must not be inside the folder of the clips.
        videos: the folder that the paths of a CSV are relative to; None: the folder of the CSV.
        validation: share of the clips for the validation split, if the source gives none.
        test: share of the clips for the test split, if the source gives none.
        seed: another seed makes another division.
        group_regex: its first group, searched in each path, is the name of the clip's group; None: a usual pattern.
        force: replace the files of another import.
        notify: gets sentences about what was left out and what makes numbers doubtful.

    Raises:
        UserError: the source has no usable clips, they cannot be divided, or `out` has another manifest.
    """
    out = Path(out)
    imported = import_clips(
        Path(source),
        name_of_folder(out),
        videos=None if videos is None else Path(videos),
        shares=Shares(validation, test, seed),
        group_regex=group_regex,
    )
    for sentence in (*imported.sentences(), *write_import(imported, out, force)):
        notify(sentence)
    return read_manifest(out / MANIFEST)
