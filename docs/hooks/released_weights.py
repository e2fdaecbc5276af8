"""The released weights that are known by name."""

from markdown_text import table

from manifests.released_weights import read_weights


def markdown() -> str:
    """Return a table of all of them."""
    rows = [
        (
            f"`{name}`",
            f"`{each.backbone}`" if each.backbone else "–",
            each.layout,
            f"{each.frames}",
            f"{each.kinetics_top1 or ''}",
            each.sampling,
            each.licence,
        )
        for name, each in read_weights().items()
    ]
    head = ("name", "backbone", "layout", "frames", "Kinetics top-1, published", "sampling in training", "licence")
    return table(head, rows)
