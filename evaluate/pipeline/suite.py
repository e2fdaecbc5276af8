"""A run of a suite: the recipes that have inputs are reproduced, then the paper's table is written with ours beside it.

Each recipe goes through `reproduce` in a folder of its own. A recipe without inputs is not run, and its rows say so.
How the table looks is in `evaluate.tables.suite_table`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.callbacks import Notify
from common.files import write_text
from distill.methods import METHODS
from distill.training_plan import make_training_plan
from evaluate.pipeline.inputs import StageProgress, SuiteInputs, missing_option
from evaluate.pipeline.reproduction import Result, reproduce
from evaluate.pipeline.results import published_beside
from evaluate.pipeline.row_names import row_name, rows_of_method
from evaluate.scoring.scores import Scores
from evaluate.tables.notes import notes
from evaluate.tables.suite_table import Line, Section, render_csv, render_latex, render_markdown
from extract.machine import Machine
from manifests.published import RATIOS, Published, published_rows
from manifests.recipes.recipe import Recipe
from manifests.recipes.suite import Suite, merge_rows, merged_into


@dataclass(frozen=True)
class SuiteResult:
    """The results of a suite.

    Attributes:
        table_file: the suite's table as Markdown; .csv and .tex are beside it.
        sections: the content of the table.
        results: the recipes that were run, in order, with their results.
    """

    table_file: Path
    sections: list[Section]
    results: list[tuple[Recipe, Result]]


def run_suite(
    suite: Suite,
    rows: Sequence[Recipe],
    inputs: SuiteInputs,
    machine: Machine,
    notify: Notify = print,
    progress_of: Callable[[str], StageProgress] = lambda _: StageProgress(),
) -> SuiteResult:
    """Run what is missing of all rows that have inputs, and write the table as Markdown, CSV and LaTeX.

    Args:
        suite: its name and title.
        rows: the recipes of its rows.
        inputs: the folder of the table, and the inputs of the merged recipes.
        machine: what features are extracted and models are trained with.
        notify: gets sentences for the user.
        progress_of: returns the progress callbacks of a merged recipe, by its name.

    Raises:
        UserError: as `reproduce`.
    """
    for row in rows:  # every row is checked before the first one is run
        make_training_plan(row)
    sections, results = [], []
    for recipe in merge_rows(rows):
        result = None
        if recipe.name in inputs.recipes:
            result = reproduce(recipe, inputs.recipes[recipe.name], machine, notify, progress_of(recipe.name))
            results.append((recipe, result))
        sections.append(_section(recipe, [row for row in rows if merged_into(row, recipe)], result))
    for suffix, render in (("md", render_markdown), ("csv", render_csv), ("tex", render_latex)):
        write_text(inputs.out / f"{suite.name}.{suffix}", render(suite.title, sections))
    return SuiteResult(inputs.out / f"{suite.name}.md", sections, results)


def _section(recipe: Recipe, rows: Sequence[Recipe], result: Result | None) -> Section:
    """Return the lines of one merged recipe; `result` is None if it was not run."""
    share = recipe.labels.share
    not_run = f"not run: {missing_option(recipe.name, recipe.data.dataset)}"
    beside = published_beside(result.manifest, result.scores) if result else []
    lines = []
    for row, method in [(own, method) for own in rows for method in own.methods]:
        published = published_of(recipe.data.protocol, share, method)
        if result is None:
            lines.append(Line(row.name, row_name(method), published, None, not_run))
            continue
        for name, scores in rows_of_method(method, result.scores).items():
            note = "" if published is None or published in beside else _why_not_comparable(recipe, scores[0])
            lines.append(Line(row.name, name, published, scores, note))
    caption = not_run if result is None else "; ".join(notes(result.scores))
    return Section(recipe.name, recipe.data.protocol, share, caption, tuple(lines))


def published_of(protocol: str, labels: str, method: str) -> Published | None:
    """Return the published row of a method; None: there is none.

    A row that other authors measured again, which has a star, is preferred to the row of the method's own authors.
    """
    name = METHODS[method].published
    rows = {row.method: row for row in published_rows(protocol, labels)}
    return rows.get(name or "") or rows.get((name or "").removesuffix("*"))


def _why_not_comparable(recipe: Recipe, own: Scores) -> str:
    """Return why the published numbers are not of the same experiment."""
    if own.protocol != recipe.data.protocol:
        return f"not comparable: protocol {own.protocol}"
    if len(own.accuracy) != len(RATIOS):
        return f"not comparable: {len(own.accuracy)} segments"
    clips = ", ".join(f"{count} {split}" for split, count in own.clips.items() if count)
    return f"not comparable: {own.classes} classes and {clips} clips are not the whole protocol"
