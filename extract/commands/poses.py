"""`python -m extract poses`: the skeletons of the persons in RGB videos."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from common.cores import usable_cores
from common.errors import counted
from common.exits import SOME_FAILED, STOPPED, end_sentence, resumable
from common.options import Json, Workers, with_logs
from extract.commands.stop_signals import stop_signals

if TYPE_CHECKING:
    from extract.poses.folder import PoseOutcome

SHOWN = 20  # names in a list


@resumable
@with_logs
def poses(
    videos: Annotated[list[Path], typer.Argument(help="Folders of videos, searched at any depth, or video files.")],
    out: Annotated[Path, typer.Option(help="Folder of the skeleton files; it gets the inner folders of VIDEOS.")],
    model: Annotated[str, typer.Option(help="lite, full or heavy: `weights get blazepose-full`.")] = "full",
    persons: Annotated[int, typer.Option(help="The most persons in a frame.")] = 1,
    coordinates: Annotated[
        str, typer.Option(help="world: metres from the middle of the hips; image: pixels of the frame.")
    ] = "world",
    workers: Workers = None,
    deadline: Annotated[float, typer.Option(min=0.1, help="Seconds without a new frame before a video fails.")] = 60.0,
    as_json: Json = False,
) -> None:
    """Make a skeleton file for each video, by BlazePose. If it was interrupted or killed, the same command resumes it.

    The skeleton in a frame depends on this frame and the frames before it. Exit status 3 when videos failed.

    Example: `python -m extract poses /data/videos --out /data/poses --model lite`
    """
    from common.config import parse_config
    from common.progress import progress_bars
    from extract.poses.folder import PoseConfig, PoseMachine, make_poses

    config = parse_config(PoseConfig, {"model": model, "persons": persons, "coordinates": coordinates}, "options")
    machine = PoseMachine(workers or usable_cores(), deadline)
    with stop_signals() as stop, progress_bars() as bar:
        outcome = make_poses(videos, out, config, machine, stop=stop, progress=bar("poses", "videos"))
    if stop.is_set():
        print(end_sentence("stopped"), file=sys.stderr)
        raise typer.Exit(STOPPED)
    _print(out, outcome, as_json=as_json)
    if outcome.failures:
        raise typer.Exit(SOME_FAILED)


def _print(out: Path, outcome: "PoseOutcome", *, as_json: bool) -> None:
    if as_json:
        from dataclasses import asdict

        print(json.dumps({"out": str(out), **asdict(outcome)}))
        return
    made = f"{counted(len(outcome.written), 'skeleton file')} of {counted(outcome.frames, 'frame')} made"
    print(f"{out}: {made}, {len(outcome.there)} were there")
    if outcome.empty:
        print(f"nobody was found in any frame of {counted(len(outcome.empty), 'video')}:")
        _print_names(outcome.empty)
    if outcome.failures:
        print(f"{counted(len(outcome.failures), 'video')} failed:", file=sys.stderr)
        _print_names([f"{video}: {reason}" for video, reason in outcome.failures.items()], to_errors=True)


def _print_names(names: list[str], *, to_errors: bool = False) -> None:
    for name in names[:SHOWN]:
        print(f"  {name}", file=sys.stderr if to_errors else sys.stdout)
    if len(names) > SHOWN:
        print(f"  and {len(names) - SHOWN} more", file=sys.stderr if to_errors else sys.stdout)
