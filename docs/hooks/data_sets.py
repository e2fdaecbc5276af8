"""The data sets with their protocols and the counts of their clips."""

from markdown_text import table

from manifests.datasets import DATASETS, DataSet


def markdown() -> str:
    """Return a table with a row for each protocol whose counts are known."""
    rows = []
    for name, entry in DATASETS.items():
        if not isinstance(entry, DataSet):
            continue
        for protocol, (classes, train, test) in entry.sizes.items():
            first = not rows or rows[-1][1] != f"`{name}`"
            rows.append(
                (entry.title if first else "", f"`{name}`", f"`{protocol}`", *map(number, (classes, train, test)))
            )
    head = ("data set", "name", "protocol", "classes", "training and validation clips", "test clips")
    return table(head, rows)


def number(value: int) -> str:
    """Return a count with separators."""
    return f"{value:,}"
