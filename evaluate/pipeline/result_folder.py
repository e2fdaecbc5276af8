"""The folder of the models and results of a run whose clips or features differ from an earlier run's.

The first run uses the folder itself. A run with another list of clips, or other features, uses a subfolder that is
named after them. So models are never trained over the models of other clips. Who reads the models of a folder asks
`folders_with_models`, which knows these subfolders.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common.callbacks import Notify
from common.run_record import differences, short_name
from distill.feature_set import make_feature_set
from distill.run_folder import RECIPE, read_settings
from distill.run_settings import data_settings
from evaluate.pipeline.layout import RUNS, TABLE
from evaluate.pipeline.sources import Source
from manifests.manifest import Manifest

OTHER_CLIPS = "clips-"  # how the name of such a subfolder begins


def result_folder(out: Path, manifest: Manifest, sources: Sequence[Source], notify: Notify) -> Path:
    """Return the folder for the models, predictions and tables of these clips.

    Args:
        out: the folder of the first run.
        manifest: labels and splits.
        sources: what the models get as input.
        notify: gets a sentence if the folder is not `out`.

    Raises:
        UserError: a run folder is damaged.
    """
    there = {source.folder: data for source in sources if (data := _recorded_data(out / RUNS / source.folder))}
    if not there:
        return out
    wanted = {source.folder: data_settings(make_feature_set(source.cache, manifest)) for source in sources}
    changes = [line for folder in there for line in differences(there[folder], wanted[folder])]
    if not changes:
        return out
    own = out / f"{OTHER_CLIPS}{short_name({str(folder): settings for folder, settings in wanted.items()})}"
    counts = ", ".join(line for line in changes if "sha256" not in line) or "the same number, but not the same ones"
    notify(
        f"the models in {out / RUNS} were trained on other clips or features ({counts}); "
        f"the models of the present ones are in {own}"
    )
    return own


def folders_with_models(out: Path) -> list[Path]:
    """Return `out` and its subfolders of other clips, as far as they have models.

    The folder whose results were finished last comes first. Folders without finished results come last.
    """
    folders = [folder for folder in (out, *sorted(out.glob(f"{OTHER_CLIPS}*"))) if (folder / RUNS).is_dir()]
    return sorted(folders, key=finished_at, reverse=True)


def finished_at(folder: Path) -> int:
    """Return when the results of a folder were finished, in nanoseconds since 1970; 0: they are not finished."""
    tables = (folder / TABLE, *folder.glob(f"labels-*/{TABLE}"))
    return max((table.stat().st_mtime_ns for table in tables if table.is_file()), default=0)


def _recorded_data(runs: Path) -> dict[str, Any] | None:
    """Return which clips and features the models of a source were trained on; None: there are no models."""
    records = (record for folder in (runs, *runs.glob("labels-*")) for record in folder.glob(f"seed*/*/{RECIPE}"))
    record = next(records, None)
    data: dict[str, Any] | None = read_settings(record.parent)["data"] if record else None
    return data
