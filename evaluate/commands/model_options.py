"""Options of the commands that take a trained model."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from common.errors import UserError

Model = Annotated[
    Path, typer.Argument(help="A trained model: the --out folder of `reproduce`, a run folder, or an exported model.")
]
ModelMethod = Annotated[
    str | None,
    typer.Option(help="The method, by its name in recipes; default: `with`, or else the last student of the recipe."),
]
ModelSeed = Annotated[int | None, typer.Option(min=0, help="One seed; default: the probabilities of all are averaged.")]
BackboneWeights = Annotated[
    list[str] | None,
    typer.Option(
        help="The file of weights of the backbone, if it is a file of your own that is not near the model; with "
        "several streams as STREAM=FILE."
    ),
]


def weights_by_stream(values: Sequence[str] | None, streams: Sequence[str]) -> dict[str, Path]:
    """Return the files of `--weights` by stream.

    Args:
        values: as they are typed; the name of the only stream may be left out.
        streams: the model's.

    Raises:
        UserError: there is no such stream.
    """
    found: dict[str, Path] = {}
    for text in values or ():
        name, _, path = text.partition("=")
        if name not in streams and len(streams) == 1:
            name, path = streams[0], text
        if name not in streams or not path:
            raise UserError(f"--weights {text}: write STREAM=FILE, STREAM one of {', '.join(streams)}")
        found[name] = Path(path)
    return found
