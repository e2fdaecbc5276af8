"""The released video networks: how they were trained, and under which licence their weights are."""

from markdown_text import cell, table

from manifests.video_networks import read_video_networks


def markdown() -> str:
    """Return a table of all of them."""
    rows = [
        (
            f"`{name}`",
            f"{each.frames} frames, one of {each.stride} at {each.frame_rate:g} a second",
            f"{each.seconds:.2g}",
            f"{each.resize}, {each.crop}",
            cell(each.trained_on),
            cell(each.licence),
            cell(each.weights),
        )
        for name, each in read_video_networks().items()
    ]
    head = ("`backbone`", "training", "seconds", "short side, crop", "data", "licence of the weights", "what to fetch")
    return table(head, rows)
