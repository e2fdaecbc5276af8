"""Options that several commands of `python -m extract` share."""

from pathlib import Path
from typing import Annotated

import typer

from common.config import parse_config
from common.errors import UserError
from manifests.recipes.recipe import Extract


def _with_a_name(path: Path) -> Path:
    """Return the path of a file.

    Raises:
        UserError: it can only be a folder, as "." is.
    """
    if path.name in ("", ".."):
        raise UserError(f"{str(path)!r} is no name of a feature cache; give one, as in features.h5")
    return path


CacheFile = Annotated[Path, typer.Argument(help="The feature cache (HDF5).", callback=_with_a_name)]
Out = Annotated[Path, typer.Option(help="The feature cache to make (HDF5).", callback=_with_a_name)]
Backbone = Annotated[
    str, typer.Option(help="tsm_resnet50, efficientnet_lite0, timm:NAME, va_cnn, joints, joint_statistics, …")
]
Pictures = Annotated[str, typer.Option(help="What va_cnn sees: segment, beginning (up to its end), or both.")]
Column = Annotated[str, typer.Option(help="The manifest's column of the files; path_skeleton is another.")]
Weights = Annotated[str, typer.Option(help="A name of `weights list`, a file, timm-package, random, or none.")]
Frames = Annotated[int, typer.Option(help="Frames in each segment.")]
Segments = Annotated[int, typer.Option(help="Segments in each clip; the paper has 10.")]
ImageSize = Annotated[int | None, typer.Option(help="Side of the square the network sees; default: its own.")]
Precision = Annotated[str, typer.Option(help="fp32, bf16 or fp16.")]
Decoder = Annotated[str, typer.Option(help="pyav, or another decoder that `doctor` finds exact.")]
Compile = Annotated[bool, typer.Option("--compile", help="Run the network through torch.compile.")]


def recipe_of(
    *,
    backbone: str,
    weights: str,
    segments: int = 10,
    frames_per_segment: int,
    image_size: int | None,
    precision: str,
    column: str = "path",
    pictures: str = "segment",
) -> Extract:
    """Return what decides the features, checked.

    Raises:
        UserError: an option is out of its range.
    """
    return parse_config(Extract, dict(locals()), "options")
