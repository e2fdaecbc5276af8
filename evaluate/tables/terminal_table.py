"""A short table for the terminal, at most 80 columns wide: accuracy at three ratios, AUC, and the published AUC.

All other numbers are in the files of the results.
"""

import textwrap
from collections.abc import Mapping, Sequence

import pandas as pd

from evaluate.scoring.scores import Scores, check_comparable, observation_ratios
from evaluate.tables.formats import UNKNOWN, left_aligned
from evaluate.tables.notes import notes
from evaluate.tables.published_table import OTHER_AUC, OTHER_AUC_NOTE
from evaluate.tables.results_frame import area, column, own_row, published_row, summary
from evaluate.tables.suite_table import Line, Section
from manifests.published import Published

WIDTH = 80  # columns of a terminal
NAME_WIDTH = 34  # characters of a method's name, which leaves the others to the numbers
RATIOS = (20.0, 50.0, 100.0)
NOT_COMPARABLE = "*"


def short_results(scores: Mapping[str, Sequence[Scores]], published: Mapping[str, Published]) -> str:
    """Return the short table of one protocol below what a reader must know of the numbers.

    Args:
        scores: method → one `Scores` per seed.
        published: method → its published row, for those that have one.
    """
    first = check_comparable(scores)
    lines = [Line("", method, published.get(method), runs, "") for method, runs in scores.items()]
    about = f"{first.protocol}: {'; '.join(notes(scores))}."
    return f"{_wrapped(about)}\n\n{_table(lines)}\n"


def short_suite(title: str, sections: Sequence[Section]) -> str:
    """Return the short tables of a suite, one per section."""
    parts = [f"{_wrapped(title)}\n"]
    for section in sections:
        caption = f"{section.caption[:1].upper()}{section.caption[1:]}."
        parts.append(f"{_wrapped(section.heading)}\n{_wrapped(caption)}\n\n{_table(section.lines)}\n")
    return "\n".join(parts)


def _table(lines: Sequence[Line]) -> str:
    """Return a table of lines and its footnotes."""
    runs = next((line.scores for line in lines if line.scores), None)
    known = RATIOS if runs is None else observation_ratios(runs[0])
    ratios = dict.fromkeys(min(known, key=lambda one: (round(abs(one - wanted), 6), -one)) for wanted in RATIOS)
    rows = [_row(line, list(ratios)) for line in lines]
    cells = pd.DataFrame(rows, columns=["Method", *(f"{ratio:.3g} %" for ratio in ratios), "AUC", "±", "published"])
    several = any(len(line.scores) > 1 for line in lines if line.scores)
    cells = cells.drop(columns=[] if several else ["±"])
    has_published = any(line.published is not None for line in lines)
    cells = cells.drop(columns=[] if has_published else ["published"])
    cells = left_aligned(cells, "Method")
    table = cells.to_string(index=False, col_space=[0, *[6] * (len(cells.columns) - 1)])
    about = "Accuracy in % by observation ratio" + ("" if runs is None else f"; AUC: mean over the {len(known)} ratios")
    about += "; ±: standard deviation of the AUC over seeds" if several else ""
    about += "; published: its AUC" if has_published else ""
    notes_below = [about + "."]
    notes_below += [OTHER_AUC_NOTE] if any(OTHER_AUC in row[-1] for row in rows) else []
    reasons = dict.fromkeys(line.note for line in lines if line.note)
    notes_below += [f"{NOT_COMPARABLE} {reason}." for reason in reasons]
    return "\n".join([table, "", *map(_wrapped, notes_below)])


def _row(line: Line, ratios: Sequence[float]) -> list[str]:
    """Return the cells of one line."""
    own = {} if line.scores is None else own_row(line.method, line.scores)
    auc = area(own)
    row = [_shortened(line.method)]
    for value in [*(summary(own, column("accuracy", ratio)) for ratio in ratios), auc]:
        row.append(UNKNOWN if value is None else f"{value.mean:.1f}")
    row.append(UNKNOWN if auc is None or auc.std is None else f"{auc.std:.1f}")
    theirs = {} if line.published is None else published_row(line.published)
    printed = area(theirs)
    mark = OTHER_AUC if summary(theirs, "auc_other") else ""
    mark += NOT_COMPARABLE if line.note else ""
    return [*row, UNKNOWN if printed is None else f"{printed.mean:.1f} {mark}".strip()]


def _shortened(name: str) -> str:
    """Return a name of at most `NAME_WIDTH` characters, without its middle if it is longer."""
    half = NAME_WIDTH // 2
    return name if len(name) <= NAME_WIDTH else f"{name[:half]}…{name[1 - half :]}"


def _wrapped(text: str) -> str:
    return textwrap.fill(text, WIDTH, break_on_hyphens=False)
