"""`python -m evaluate bench-live`: how fast live recognition is on this machine."""

import json
from typing import Annotated

import typer

from common.options import Device, Json, Runtime
from extract.commands.options import Backbone, Frames, ImageSize, Precision, Weights, feature_config


def bench_live(
    backbone: Backbone = "tsm_mobilenetv2_online",
    weights: Weights = None,
    frames_per_segment: Frames = 8,
    image_size: ImageSize = None,
    precision: Precision = "fp32",
    device: Device = "auto",
    runtime: Runtime = "auto",
    seconds: Annotated[float, typer.Option(min=5, help="How long the drawn stream plays, in real time.")] = 20.0,
    as_json: Json = False,
) -> None:
    """Measure the latency of a live stream: of each frame, of each step, and of each prediction.

    A video or a skeleton stream is drawn and played in real time; every frame goes through the network. The student
    has random weights, which changes no time. For one core, begin the command with `taskset -c 0`.

    Example: `python -m evaluate bench-live --backbone tsm_mobilenetv2_online --weights random`
    """
    from evaluate.watch.benchmark.latency import measure_latency
    from extract.machine import Machine

    config = feature_config(
        backbone=backbone,
        weights=weights,
        frames_per_segment=frames_per_segment,
        image_size=image_size,
        precision=precision,
    )
    figures = measure_latency(config, Machine(device=device, runtime=runtime), seconds)
    if as_json:
        print(json.dumps(figures))
        return
    milliseconds = figures.pop("milliseconds")
    for name, value in figures.items():
        print(f"{name:>18}  {value}")
    print(f"\n{'milliseconds':>18}  {'p50':>8} {'p99':>8} {'largest':>8}")
    for name, value in milliseconds.items():
        print(f"{name:>18}  {value['p50']:8.2f} {value['p99']:8.2f} {value['max']:8.2f}")
