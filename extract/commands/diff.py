"""The verb `diff`: how two feature caches differ."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from common.errors import first_few
from common.options import Json

if TYPE_CHECKING:
    from extract.diff import CacheDifference, ClipDifference, Quantile

DIFFERENT = 1  # exit status, as of the program `diff`


def diff(
    a: Annotated[Path, typer.Argument(help="A feature cache (HDF5).")],
    b: Annotated[Path, typer.Argument(help="Another one.")],
    as_json: Json = False,
) -> None:
    """Compare two caches clip by clip: the lowest cosine of each clip's segments, and the settings that differ.

    Exit status 0 when clips, validity, frames and features are the same bit for bit, whatever their order and the
    settings; else 1.

    Example: `python -m extract diff tsm-fp32.h5 tsm-bf16.h5`
    """
    from extract.diff import compare_caches

    difference = compare_caches(a, b)
    if as_json:
        print(json.dumps({"same_content": difference.same_content} | asdict(difference)))
    else:
        _print_clips(difference, a, b)
        _print_tables(difference)
    if not difference.same_content:
        raise typer.Exit(DIFFERENT)


def _print_clips(difference: "CacheDifference", a: Path, b: Path) -> None:
    print(f"A: {a}\nB: {b}")
    if difference.same_content:
        print(f"the same {difference.common} clips, bit for bit")
    else:
        print(f"{difference.common} clips in both; the features of {difference.features} differ")
    for what, clips in (
        ("clips only in A", difference.only_in_a),
        ("clips only in B", difference.only_in_b),
        ("clips valid in one only", difference.valid),
        ("clips with other numbers of frames", difference.num_frames),
    ):
        if clips:
            print(f"{what}: {len(clips)} ({first_few(clips)})")


def _print_tables(difference: "CacheDifference") -> None:
    if difference.settings:
        rows = [
            (key, *(json.dumps(values[side], ensure_ascii=False) if side in values else "" for side in "ab"))
            for key, values in difference.settings.items()
        ]
        _print_table("settings that differ", ("setting", "A", "B"), rows)
    if difference.features:
        shares = [
            (f"{100 * quantile.share:g} %" if quantile.share else "the worst", *_figures(quantile))
            for quantile in difference.quantiles
        ]
        _print_table("how far apart", ("clips", "cosine at most", "difference at least"), shares)
        worst = [(clip.clip_id, *_figures(clip)) for clip in difference.worst]
        _print_table("the worst clips", ("clip", "lowest cosine", "largest difference"), worst)


def _figures(row: "Quantile | ClipDifference") -> tuple[str, str]:
    return f"{row.cosine:.8f}", f"{row.largest:.3g}"


def _print_table(title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console(markup=False).print(table)
