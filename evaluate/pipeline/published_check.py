"""The comparison of a finished run with published rows: inside the tolerance, outside, or why it cannot be compared.

Numbers are compared only if the run is the published experiment, see `comparability`. How far ours may be from a
published number is in `evaluate.scoring.tolerance`. No model runs here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from distill.whole_recipe import complete_recipe
from evaluate.pipeline.comparability import bundled_recipe, reasons_against_any_run, reasons_against_run, remarks_on_run
from evaluate.pipeline.finished_run import FinishedRow, read_finished_run
from evaluate.pipeline.row_names import row_name, rows_of_method
from evaluate.pipeline.suite import published_of
from evaluate.scoring.summary import Summary
from evaluate.scoring.tolerance import TOLERANCES, allowed
from manifests.published import Published
from manifests.recipes.recipe import Recipe
from manifests.recipes.suite import merge_rows, merged_into

Verdict = Literal["inside", "outside", "not comparable", "nothing to compare with"]


@dataclass(frozen=True)
class Number:
    """Our value and the published value of one column, in per cent; `tolerance` in points."""

    column: str
    ours: Summary
    published: float
    tolerance: float

    @property
    def difference(self) -> float:
        """Our value minus the published value."""
        return self.ours.mean - self.published

    @property
    def inside(self) -> bool:
        """Whether the difference is within the tolerance, above or below."""
        return abs(self.difference) <= self.tolerance


@dataclass(frozen=True)
class Checked:
    """One row of a results table, compared with its published row.

    Attributes:
        row: name of the row's recipe.
        method: name of the row.
        protocol: data set and split.
        labels: share of the training labels, as asked.
        published: the published row; None: there is none.
        numbers: what was compared; empty if the row could not be compared.
        why: sentences that say why it could not be compared; empty if it was.
        remarks: what a reader must know about numbers that were compared.
        seeds: how many seeds ours has.
        comparable: False: no run of this row could be compared with anything published.
        labels_kept: share of the training clips that kept their label, in (0, 1]; None: not known.
    """

    row: str
    method: str
    protocol: str
    labels: str
    published: Published | None
    numbers: tuple[Number, ...] = ()
    why: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    seeds: int = 0
    comparable: bool = True
    labels_kept: float | None = None

    @property
    def verdict(self) -> Verdict:
        """The result of the comparison; a row is inside if every number is."""
        if not self.comparable:
            return "nothing to compare with"
        if self.why:
            return "not comparable"
        return "inside" if self.numbers and all(number.inside for number in self.numbers) else "outside"


def check_rows(rows: Sequence[Recipe], folders: Mapping[str, Path]) -> list[Checked]:
    """Compare the runs of some rows with the published numbers.

    Args:
        rows: recipes; those with the same base share a run.
        folders: the folders of the runs, by the name of the base.

    Raises:
        UserError: a file of a run is damaged.
    """
    checked = []
    rows = [complete_recipe(row) for row in rows]
    for run in merge_rows(rows):
        finished = read_finished_run(folders[run.name], run.labels)
        for row in (row for row in rows if merged_into(row, run)):
            for method in row.methods:
                names = list(rows_of_method(method, finished)) or [row_name(method)]
                published = published_of(row.data.protocol, row.labels.share, method)
                checked += [_check(row, name, published, finished.get(name), folders[run.name]) for name in names]
    return checked


def passed(checked: Sequence[Checked]) -> bool:
    """Return whether at least one row is inside, and every row that can be compared is."""
    verdicts = {row.verdict for row in checked}
    return "inside" in verdicts and verdicts <= {"inside", "nothing to compare with"}


def _check(row: Recipe, method: str, published: Published | None, own: FinishedRow | None, folder: Path) -> Checked:
    about = (row.name, method, row.data.protocol, row.labels.share, published)
    if never := tuple(reasons_against_any_run(row, published)):
        return Checked(*about, why=never, comparable=False)
    assert published is not None  # or there would be a reason
    if own is None:
        return Checked(*about, why=(f"no run of it has ended in {folder}: run `python -m evaluate reproduce` first",))
    kept = next((one.labels_kept for one in own.provenance.values()), None)
    bundled = bundled_recipe(row.data.protocol, row.labels.share)
    if why := tuple(reasons_against_run(row, bundled, own)):
        return Checked(*about, why=why, seeds=own.seeds, labels_kept=kept)
    points = TOLERANCES[row.data.protocol, row.labels.share].points
    pairs = [(f"{ratio}%", own.accuracy.get(float(ratio)), printed) for ratio, printed in published.accuracy.items()]
    pairs += [] if published.auc is None else [("AUC", own.auc, published.auc)]
    numbers = [
        Number(column, ours, printed, allowed(points, ours, own.seeds)) for column, ours, printed in pairs if ours
    ]
    remarks = tuple(remarks_on_run(row, bundled, own))
    return Checked(*about, tuple(numbers), remarks=remarks, seeds=own.seeds, labels_kept=kept)
