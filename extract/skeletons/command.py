"""`python -m extract bench-reader`: how fast NTU skeleton files are read."""

import json
from pathlib import Path
from typing import Annotated

import typer

from common.errors import UserError
from extract.clip import DecodeError


def bench_reader(
    files: Annotated[list[Path], typer.Argument(help="NTU `.skeleton` files.")],
    seconds: Annotated[float, typer.Option(min=0.1, help="How long to measure, at least.")] = 5.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for a program to read.")] = False,
) -> None:
    """Measure files/s on one core, against Python's `float()` on every token of the same files.

    Example: `python -m extract bench-reader /data/ntu60/S001C001P001R001A00*.skeleton`
    """
    from extract.skeletons.ntu import read_ntu
    from extract.skeletons.reader_bench import bench_reader as measure

    for path in files:
        try:
            read_ntu(path)
        except DecodeError as error:
            raise UserError(f"{path} cannot be read: {error}") from error
    figures = measure(files, seconds)
    if as_json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:>24}  {value:.4g}")
