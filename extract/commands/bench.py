"""The verb `bench`: how fast extraction is on this machine."""

import json
from typing import Annotated

import typer

from common.cores import usable_cores
from common.options import Device, Json, Runtime, Workers
from extract.commands.options import (
    Backbone,
    Compile,
    Decoder,
    Frames,
    ImageSize,
    Precision,
    Weights,
    feature_config,
)

CPU_CLIPS, GPU_CLIPS = 24, 600
CLIPS = f"Clips to measure on, 320x240 XviD of 186 frames, drawn here; default: {CPU_CLIPS}, {GPU_CLIPS} on a GPU."


def bench(
    backbone: Backbone = "efficientnet_lite0",
    weights: Weights = None,
    frames_per_segment: Frames = None,
    image_size: ImageSize = None,
    precision: Precision = "fp32",
    device: Device = "auto",
    workers: Workers = None,
    decoder: Decoder = "pyav",
    runtime: Runtime = "auto",
    compile_: Compile = False,
    clips: Annotated[int | None, typer.Option(min=2, help=CLIPS)] = None,
    as_json: Json = False,
) -> None:
    """Measure clips/s of decoding, of the network and end to end, against a plain loop; time per phase; memory.

    Example: `python -m extract bench --backbone tsm_resnet50 --weights random --device cuda --precision bf16`
    """
    from common.device import choose_device
    from extract.benchmark.throughput import measure_throughput
    from extract.machine import Machine

    config = feature_config(
        backbone=backbone,
        weights=weights,
        frames_per_segment=frames_per_segment,
        image_size=image_size,
        precision=precision,
    )
    machine = Machine(
        device=device, workers=workers or usable_cores(), decoder=decoder, compiled=compile_, runtime=runtime
    )
    count = clips or (CPU_CLIPS if choose_device(device) == "cpu" else GPU_CLIPS)
    figures = measure_throughput(config, machine, count)
    if as_json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:>28}  {value:.3g}" if isinstance(value, float) else f"{name:>28}  {value}")
