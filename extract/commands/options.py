"""Options that several commands of `python -m extract` share."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from common.errors import UserError

if TYPE_CHECKING:
    from manifests.recipes.extraction import Extract


def _refuse_folder_name(path: Path) -> Path:
    """Return the path of a file.

    Raises:
        UserError: it can only be a folder, such as ".".
    """
    if path.name in ("", ".."):
        raise UserError(f"{str(path)!r} is no name of a feature cache; give one, as in features.h5")
    return path


CLIPS = "A manifest, a folder, a list of paths, tar archives (shards/{000..099}.tar), or a URL of one of them."
VIDEOS = "Folder, URL or tar archives that the paths are relative to."

CacheFile = Annotated[Path, typer.Argument(help="The feature cache (HDF5).", callback=_refuse_folder_name)]
Out = Annotated[Path, typer.Option(help="The feature cache to make (HDF5).", callback=_refuse_folder_name)]
Videos = Annotated[str | None, typer.Option(help=VIDEOS)]
Backbone = Annotated[
    str, typer.Option(help="tsm_resnet50, efficientnet_lite0, timm:NAME, va_cnn, joints, joint_statistics, …")
]
Pictures = Annotated[
    str, typer.Option(help="Input of va_cnn: each segment, the beginning up to the segment's end, or both.")
]
Column = Annotated[str, typer.Option(help="The manifest's column of the files; path_skeleton is another one.")]
WEIGHTS = "A name of `weights list`, a file, timm-package, random, or none. Default: those of the backbone."
Weights = Annotated[str | None, typer.Option(help=WEIGHTS)]
Frames = Annotated[
    int | None, typer.Option(help="Frames in each segment. Default: what the network was trained with, else 8.")
]
Segments = Annotated[int, typer.Option(help="Segments in each clip; the paper has 10.")]
SegmentSeconds = Annotated[
    float | None,
    typer.Option(help="A segment lasts so long, and --segments is the most that a clip has. Default: N equal parts."),
]
FrameRate = Annotated[
    float | None,
    typer.Option(help="Frames a second of skeleton files and folders of images, with --segment-seconds."),
]
ImageSize = Annotated[int | None, typer.Option(help="Side of the network's square input; default: its own.")]
Precision = Annotated[
    str, typer.Option(help="fp32, bf16, fp16, or auto: a faster one that agrees with fp32 on the first clips.")
]
Decoder = Annotated[str, typer.Option(help="pyav, or another decoder that `doctor` finds exact.")]
Compile = Annotated[bool, typer.Option("--compile", help="Run the network through torch.compile: runtime torch.")]

FEATURE_OPTIONS: dict[str, tuple[Any, Any]] = {  # annotation, default
    "backbone": (Backbone, "tsm_resnet50"),
    "weights": (Weights, None),
    "frames_per_segment": (Frames, None),
    "segments": (Segments, 10),
    "segment_seconds": (SegmentSeconds, None),
    "frame_rate": (FrameRate, None),
    "image_size": (ImageSize, None),
    "precision": (Precision, "fp32"),
    "column": (Column, "path"),
    "pictures": (Pictures, "segment"),
}


def with_feature_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that decide the features to a command's signature, which Typer reads, before `--decoder`.

    The command receives them as keyword arguments, for `feature_config`.
    """
    signature = inspect.signature(command)
    own = [each for each in signature.parameters.values() if each.kind is not inspect.Parameter.VAR_KEYWORD]
    options = [
        inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=annotation)
        for name, (annotation, default) in FEATURE_OPTIONS.items()
    ]
    place = list(signature.parameters).index("decoder")
    command.__signature__ = signature.replace(parameters=[*own[:place], *options, *own[place:]])  # type: ignore[attr-defined]
    return command


def feature_config(**options: Any) -> "Extract":
    """Return the config that decides the features, from the command's options of the same names.

    Raises:
        UserError: the backbone is unknown or no weights belong to it, or an option is out of its range.
    """
    from common.config import parse_config
    from extract.backbones import choose_weights
    from manifests.recipes.extraction import Extract

    options["weights"] = choose_weights(options["backbone"], options["weights"])
    if options.get("frames_per_segment") is None:
        options.pop("frames_per_segment", None)  # `Extract` has a default for each backbone
    return parse_config(Extract, options, "options")
