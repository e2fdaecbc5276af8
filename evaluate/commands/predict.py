"""`python -m evaluate predict`: recognise new recordings with a trained model."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from common.errors import UserError
from common.exits import SOME_FAILED
from common.options import Device, Json
from evaluate.commands.model_options import BackboneWeights, Model, ModelMethod, ModelSeed, weights_of_streams

if TYPE_CHECKING:  # they load torch, which --help does without
    from evaluate.live.recognition import Recognition, Unusable


def predict(
    model: Model,
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Videos or skeleton files, folders, patterns with *, URLs; for a model of several streams as "
            "rgb=a.mp4,skeleton=a.npy.",
        ),
    ],
    method: ModelMethod = None,
    seed: ModelSeed = None,
    top: Annotated[int, typer.Option(min=1, help="How many classes are shown.")] = 3,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Probability of a class from which on it is decided for; default: the decision rule that "
            "`decide --store` has stored with the model, or 0.5 if there is none.",
        ),
    ] = None,
    as_json: Json = False,
    csv: Annotated[Path | None, typer.Option(help="File to write all probabilities into, as CSV.")] = None,
    annotate: Annotated[
        Path | None,
        typer.Option(help="MP4 to write the video into, with its probabilities; for several videos a folder."),
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Page to write, with a picture of each segment.")] = None,
    device: Device = "auto",
    workers: Annotated[
        int | None, typer.Option(min=1, help="Decode processes of each stream; default: one a core, at most 8.")
    ] = None,
    weights: BackboneWeights = None,
) -> None:
    """Print the probabilities of the classes after each part of new recordings. No labels are needed.

    An input that cannot be used is named with the reason, and the others are recognised. The exit status is then 3; it
    is 1 if no input can be used.

    Examples:

    - `python -m evaluate predict out/mine new.mp4`

    - `python -m evaluate predict out/mine videos/ --csv all.csv --annotate annotated/`

    - `python -m evaluate predict out/utd-mhad depth=a10_s2_t1.avi,skeleton=a10_s2_t1_skeleton.mat --json`
    """
    from common.log import notify
    from evaluate.decisions.decision_maker import ConfidenceThreshold
    from evaluate.live.outputs import Outputs
    from evaluate.live.recogniser import Recogniser
    from evaluate.live.recognition import Recognition
    from evaluate.live.trained_model import find_model
    from evaluate.pipeline.inputs import default_workers

    outputs = Outputs(csv=csv, annotate=annotate, html=html, top=top)
    outputs.check_inputs(inputs)
    outputs.check()
    found_model = find_model(model, method, seed)
    maker = None if threshold is None else ConfidenceThreshold(threshold)
    recogniser = Recogniser(found_model, weights_of_streams(weights, found_model), device, maker)
    outputs.check_streams(recogniser.streams)
    print(f"model: {recogniser.summary}", file=sys.stderr)
    found, failed = [], 0
    for result in recogniser.recognise_inputs(inputs, workers or default_workers(), outputs.check_recordings):
        if isinstance(result, Recognition):
            found.append(result)
            _print_recognition(result, top, as_json)
        else:
            failed += 1
            _print_unusable(result, as_json)
    if not found:
        raise UserError("the input cannot be used" if failed == 1 else f"none of the {failed} inputs can be used")
    for problem in outputs.write(found, recogniser.summary, recogniser.joint_list, recogniser.poses, notify):
        failed += 1
        print(problem, file=sys.stderr)
    if failed:
        raise typer.Exit(SOME_FAILED)


def _print_recognition(result: "Recognition", top: int, as_json_line: bool) -> None:
    from evaluate.live.written import as_json, timeline

    print(json.dumps(as_json(result)) if as_json_line else timeline(result, top), flush=True)


def _print_unusable(result: "Unusable", as_json_line: bool) -> None:
    print(f"{result.name} cannot be used: {result.reason}", file=sys.stderr)
    if as_json_line:
        print(json.dumps({"video": result.name, "error": result.reason}), flush=True)
