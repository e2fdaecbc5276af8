"""Options of the commands that take a trained model."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from common.named_paths import named_paths

if TYPE_CHECKING:  # it loads torch, which --help does without
    from evaluate.live.trained_model import TrainedModel

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


def weights_of_streams(values: Sequence[str] | None, model: "TrainedModel") -> dict[str, Path]:
    """Return the files of `--weights` by stream. The name of the only stream may be left out.

    Raises:
        UserError: the model has no such stream, or a stream has two files.
    """
    return named_paths("--weights", values or (), {name: f"stream {name}" for name in model.description.streams})
