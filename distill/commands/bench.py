"""`python -m distill bench`: measure how fast students are trained."""

import json
from typing import Annotated

import typer

from common.options import Device, Json


def bench(
    device: Device = "auto",
    clips: Annotated[int, typer.Option(min=64, help="Training clips to measure with; UCF101 has 8056.")] = 8056,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds of each of four methods, trained side by side.")] = 5,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs to measure, after one that is not measured.")] = 2,
    as_json: Json = False,
) -> None:
    """Measure training at the size of UCF101 against a plain loop: one model, and seeds × methods side by side.

    Examples:

    - `python -m distill bench --device cuda`

    - `python -m distill bench --device cpu --clips 640`
    """
    from distill.bench import measure_training

    figures = measure_training(device, clips, seeds, epochs)
    if as_json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:>28}  {value:.3g}" if isinstance(value, float) else f"{name:>28}  {value}")
