"""A suite run: the recipes of all rows that files are given for, and then the printed table with ours beside it.

Each base goes through `reproduce` in a folder of its own; what is not given is not run, and its rows say so. What the
table looks like is in `suite_table`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.callbacks import Notify
from common.files import write_text
from distill.methods import METHODS
from distill.training_plan import make_training_plan
from evaluate.pipeline.fusion import method_name
from evaluate.pipeline.inputs import StageProgress, SuiteInputs, missing_option
from evaluate.pipeline.reproduction import Result, reproduce
from evaluate.pipeline.results import published_beside
from evaluate.scoring.scores import Scores
from evaluate.tables.notes import notes
from evaluate.tables.suite_table import Line, Section, render_csv, render_latex, render_markdown
from extract.machine import Machine
from manifests.published import RATIOS, Published, published_rows
from manifests.recipes.recipe import Recipe
from manifests.recipes.suite import Suite, merge_rows, merged_into


@dataclass(frozen=True)
class SuiteResult:
    """What a suite ends with: the Markdown file, what stands in it, and the results of what was run, in order."""

    table: Path
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
    """Run what is missing of all rows that are given, and write the table, as Markdown, CSV and LaTeX.

    Args:
        suite: its name and title.
        rows: the recipes of its rows.
        inputs: the folder of the table, and the inputs of the merged recipes.
        machine: to extract and train with.
        notify: gets sentences for the user.
        progress_of: returns the progress callbacks of a merged recipe, by its name.

    Raises:
        UserError: as `reproduce`.
    """
    for row in rows:  # before the first of them is trained
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
    share = recipe.labels.share
    not_run = f"not run: {missing_option(recipe.name, recipe.data.dataset)}"
    beside = published_beside(result.manifest, result.scores) if result else []
    lines = []
    for row, method in [(own, method) for own in rows for method in own.methods]:
        published = published_of(recipe.data.protocol, share, method)
        if result is None:
            lines.append(Line(row.name, method_name(method, ""), published, None, not_run))
            continue
        for name, scores in _of_method(method, result.scores).items():
            note = "" if published is None or published in beside else _why_not(recipe, scores[0])
            lines.append(Line(row.name, name, published, scores, note))
    caption = not_run if result is None else "; ".join(notes(result.scores))
    return Section(recipe.name, recipe.data.protocol, share, caption, tuple(lines))


def published_of(protocol: str, labels: str, method: str) -> Published | None:
    """Return the published row of a method: as run again by others (a star), or else as its authors printed it."""
    name = METHODS[method].published
    rows = {row.method: row for row in published_rows(protocol, labels)}
    return rows.get(name or "") or rows.get((name or "").removesuffix("*"))


def _of_method(method: str, scores: Mapping[str, Sequence[Scores]]) -> dict[str, Sequence[Scores]]:
    """The scores of a method: of itself, or on each stream and fusion that it was run on."""
    title = method_name(method, "")
    return {name: runs for name, runs in scores.items() if name == title or name.startswith(f"{title}, ")}


def _why_not(recipe: Recipe, own: Scores) -> str:
    """Why the published numbers are not those of the same experiment."""
    if own.protocol != recipe.data.protocol:
        return f"not comparable: protocol {own.protocol}"
    if len(own.accuracy) != len(RATIOS):
        return f"not comparable: {len(own.accuracy)} segments"
    clips = ", ".join(f"{count} {split}" for split, count in own.clips.items() if count)
    return f"not comparable: {own.classes} classes and {clips} clips are not the whole protocol"
