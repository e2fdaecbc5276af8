"""`python -m evaluate watch`: decide while an action is still going on, in live streams."""

import io
import sys
from pathlib import Path
from typing import Annotated

import typer

from common.errors import UserError
from common.exits import SOME_FAILED
from common.options import Device, Json
from evaluate.commands.model_options import BackboneWeights, Model, ModelMethod, ModelSeed, weights_of_streams


def watch(
    model: Model,
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="Video files (played in real time), rtsp:// and http:// streams, cameras as camera:0, folders that "
            "fill up with images; - for skeletons as lines of JSON from standard input.",
        ),
    ],
    action_seconds: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            help="How long an action usually lasts; the model's segments share this time. Needed for live sources, "
            "unless the model was trained with segment_seconds: its segments last as long as in the training. Default "
            "for files of other models: the length of the file.",
        ),
    ] = None,
    method: ModelMethod = None,
    seed: ModelSeed = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Decide at this probability of a class. Default: by the rule that is stored with the model, or else "
            "at 0.5.",
        ),
    ] = None,
    as_json: Json = False,
    annotate: Annotated[
        Path | None,
        typer.Option(help="MP4 to write the stream into, with its probabilities; for several sources a folder."),
    ] = None,
    webhook: Annotated[str | None, typer.Option(help="URL that gets each decision as JSON, by POST.")] = None,
    real_time: Annotated[
        bool, typer.Option(help="Play files in real time, and drop frames when that is too fast for this machine.")
    ] = True,
    stall_seconds: Annotated[
        float, typer.Option(min=0.1, help="A live source without a frame for so long is opened again.")
    ] = 10.0,
    reconnect_seconds: Annotated[
        float, typer.Option(min=0, help="How long a live source that broke off is tried again; 0: not at all.")
    ] = 600.0,
    device: Device = "auto",
    weights: BackboneWeights = None,
) -> None:
    """Recognise live streams: print the probabilities after each segment, and when the decision is made.

    Each source has a row of segments. After the last segment of the model a new row begins, and also where a stream
    breaks off or another recording begins. Ctrl-C ends it.

    The exit status is 3 if some of the sources failed, and 1 if all did.

    Examples:

    - `python -m evaluate watch out/mine rtsp://camera/stream --action-seconds 3`

    - `python -m evaluate watch out/mine a.mp4 b.mp4 --json`
    """
    from common.log import notify
    from evaluate.decisions.decision_maker import ConfidenceThreshold
    from evaluate.live.trained_model import find_model
    from evaluate.watch.events import SourceEnded
    from evaluate.watch.outputs import AnnotatedVideos, JsonLines, Output, ShownModel, Timeline, Webhook
    from evaluate.watch.skeleton_lines import bounded_lines
    from evaluate.watch.watch_settings import WatchSettings
    from evaluate.watch.watcher import Watcher

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal may not have the characters of the bars
    settings = WatchSettings(action_seconds, real_time, stall_seconds, reconnect_seconds, annotate is not None)
    found = find_model(model, method, seed)
    own_weights = next(iter(weights_of_streams(weights, found).values()), None)
    maker = None if threshold is None else ConfidenceThreshold(threshold)
    watcher = Watcher(found, own_weights, device, maker)
    print(f"model: {watcher.summary}", file=sys.stderr)
    outputs: list[Output] = []
    if as_json:
        outputs.append(JsonLines(watcher.summary, watcher.classes, _write))
    else:
        outputs.append(Timeline(watcher.num_segments, len(sources) > 1, _write, notify))
    if annotate is not None:
        if watcher.input != "video":
            raise UserError("--annotate needs a model of videos, and this one takes skeletons")
        shown = ShownModel(watcher.classes, watcher.num_segments, watcher.decision_maker)
        outputs.append(AnnotatedVideos(annotate, sources, shown, notify))
    if webhook is not None:
        outputs.append(Webhook(webhook, notify))
    failed = 0
    try:
        for event in watcher.watch(sources, settings, bounded_lines(sys.stdin)):
            for output in outputs:
                output.show(event)
            failed += isinstance(event, SourceEnded) and bool(event.reason)
    finally:
        for output in outputs:
            output.close()
    if failed == len(sources):
        raise UserError("the source failed" if failed == 1 else f"all {failed} sources failed")
    if failed:
        raise typer.Exit(SOME_FAILED)


def _write(line: str) -> None:
    print(line, flush=True)
