"""`python -m evaluate check`: a finished run against the published numbers, as text or JSON, and as an exit status."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from common.options import Json

if TYPE_CHECKING:  # it loads torch, which --help does without
    from evaluate.pipeline.published_check import Checked

RULE = (
    "A row is inside if every number is. The tolerance has two parts: a fixed number of points for what the paper "
    "leaves open, and what the spread over our seeds explains, which is limited to the same number again "
    "(evaluate/scoring/tolerance.py). A gain smaller than the tolerance is not confirmed by it: comparison.md tests "
    "gains on the same clips."
)


def check(
    recipe: Annotated[
        Path, typer.Argument(help="A recipe or a suite: its file, or its name if it comes with the project.")
    ],
    out: Annotated[Path | None, typer.Option(help="Folder of the run; default: out/NAME, as for `reproduce`.")] = None,
    as_json: Json = False,
) -> None:
    """Compare a finished run with the published rows: inside the tolerance, outside, or why it cannot be compared.

    The command reads the run's table and the provenance of its predictions. It trains and scores nothing. Exit status:
    0 if at least one row is inside and no row with published numbers is anything else, 1 otherwise.

    Examples:

    - `python -m evaluate check ucf101`

    - `python -m evaluate check table1 --out out/table1 --json`
    """
    from distill.whole_recipe import read_whole_recipe
    from evaluate.commands.options import current_name
    from evaluate.pipeline.published_check import check_rows, passed
    from manifests.recipes.suite import base_of, find_suite, read_suite

    recipe = current_name(recipe)
    suite_file = find_suite(recipe)
    if suite_file is None:
        rows = [read_whole_recipe(recipe)]
        folders = {base_of(rows[0]): out or Path("out") / rows[0].name}
    else:
        suite, rows = read_suite(suite_file)
        folder = out or Path("out") / suite.name
        folders = {base_of(row): folder / base_of(row) for row in rows}
    checked = check_rows(rows, folders)
    if as_json:
        print(json.dumps({"passed": passed(checked), "rule": RULE, "rows": [_as_json(row) for row in checked]}))
    else:
        print("\n".join([*map(_as_text, checked), RULE, "", _summary(checked)]))
    if not passed(checked):
        raise typer.Exit(1)


def _as_text(row: "Checked") -> str:
    """Return one row in words and numbers."""
    import pandas as pd

    from evaluate.tables.formats import markdown_table, printed
    from evaluate.tables.notes import labels_in_words

    lines = [f"## {row.row}: {row.method}", "", f"{row.protocol}, {labels_in_words(row.labels, row.labels_kept)}"]
    if row.published is not None:
        lines[-1] += f"; published: {row.published.method} ({row.published.source})"
    if row.numbers:
        head = ["", "ours", "published", "difference", "tolerance", "verdict"]
        cells = [
            (
                number.column,
                printed(number.ours),
                f"{number.published:.1f}",
                f"{number.difference:+.1f}",
                f"{number.tolerance:.1f}",
                "inside" if number.inside else "outside",
            )
            for number in row.numbers
        ]
        lines += ["", markdown_table(pd.DataFrame(cells, columns=head), head[:1])]
    seeds = f" over {row.seeds} seed{'s' * (row.seeds > 1)}" if row.numbers else ""
    reasons = f": {'; '.join(row.why)}" if row.why else ""
    remarks = "".join(f" ({remark})" for remark in row.remarks)
    return "\n".join([*lines, *([] if row.numbers else [""]), f"**{row.verdict}**{seeds}{reasons}{remarks}", ""])


def _summary(checked: Sequence["Checked"]) -> str:
    counts = Counter(row.verdict for row in checked)
    return ", ".join(f"{count} {verdict}" for verdict, count in counts.items())


def _as_json(row: "Checked") -> dict[str, Any]:
    return {
        "row": row.row,
        "method": row.method,
        "protocol": row.protocol,
        "labels": row.labels,
        "labels_kept": row.labels_kept,
        "published": None if row.published is None else row.published.source,
        "verdict": row.verdict,
        "why": list(row.why),
        "remarks": list(row.remarks),
        "seeds": row.seeds,
        "numbers": [
            {
                "column": number.column,
                "ours": number.ours.mean,
                "ours_std": number.ours.std,
                "published": number.published,
                "difference": number.difference,
                "tolerance": number.tolerance,
                "inside": number.inside,
            }
            for number in row.numbers
        ],
    }
