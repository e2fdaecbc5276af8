"""Options that commands of several packages share."""

from typing import Annotated

import typer

Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Number of decode processes; default: one per core.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for a program to read.")]
