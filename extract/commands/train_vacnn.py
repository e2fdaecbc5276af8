"""`python -m extract train-vacnn`: train a VA-CNN on the skeletons of a manifest."""

import json
from pathlib import Path
from typing import Annotated

import typer

from common.config import parse_config
from common.exits import resumable
from common.log import notify
from common.options import Device, Json, with_logs
from manifests.recipes.extraction import VaCnn

DEFAULT = VaCnn()


@resumable
@with_logs
def train_vacnn(
    context: typer.Context,
    manifest: Annotated[Path, typer.Argument(help="The manifest (CSV), with a validation split.")],
    videos: Annotated[Path, typer.Option(help="Folder the manifest's paths are relative to.")],
    out: Annotated[Path, typer.Option(help="Run folder to make; the weights are in OUT/weights.safetensors.")],
    column: Annotated[str, typer.Option(help="The manifest's column of the skeleton files.")] = "path",
    network: Annotated[str, typer.Option(help="The main network: any timm model.")] = DEFAULT.network,
    image_size: Annotated[int, typer.Option(help="Side of a segment's picture.")] = DEFAULT.image_size,
    initial_weights: Annotated[
        str, typer.Option(help="Weights of the main network: scratch, a file of ImageNet weights, or timm-package.")
    ] = DEFAULT.initial_weights,
    epochs: Annotated[int, typer.Option(help="Largest number of epochs.")] = DEFAULT.epochs,
    samples_per_clip: Annotated[int, typer.Option(help="Pictures of each clip in an epoch.")] = (
        DEFAULT.samples_per_clip
    ),
    batch_size: Annotated[int, typer.Option(help="Pictures in a batch.")] = DEFAULT.batch_size,
    learning_rate: Annotated[float, typer.Option(help="Learning rate of Adam.")] = DEFAULT.learning_rate,
    rotation: Annotated[
        float, typer.Option(help="Largest random rotation of a skeleton, in radians.")
    ] = DEFAULT.rotation,
    cooldown: Annotated[int, typer.Option(help="Epochs after a decrease that do not count.")] = DEFAULT.cooldown,
    plateau: Annotated[
        int, typer.Option(help="Epochs without gain before the learning rate decreases.")
    ] = DEFAULT.plateau,
    patience: Annotated[int, typer.Option(help="Epochs without gain before the training ends.")] = DEFAULT.patience,
    skip_failed: Annotated[bool, typer.Option(help="Train without the files that cannot be read.")] = False,
    segments: Annotated[int, typer.Option(min=1, help="Segments of each clip; the paper has 10.")] = 10,
    seed: Annotated[int, typer.Option(help="Seed of weights, samples and rotations.")] = DEFAULT.seed,
    device: Device = "auto",
    workers: Annotated[int, typer.Option(min=1, help="Processes that read files.")] = 2,
    legacy_sequence_stretch: Annotated[
        bool, typer.Option("--legacy-sequence-stretch", help="As the released code; sees the future.")
    ] = False,
    legacy_sequence_actors: Annotated[
        bool, typer.Option("--legacy-sequence-actors", help="As the released code; sees the future.")
    ] = False,
    json_: Json = False,
) -> None:
    """Train a VA-CNN on the training split of a manifest. The same command resumes a killed training.

    Example: `python -m extract train-vacnn ntu60.csv --videos /data/ntu60 --out vacnn-ntu60 --device cuda`
    """
    from common.progress import progress_bars
    from common.training_run import read_completion
    from extract.machine import Machine  # late: it loads torch
    from extract.va_cnn.run_folder import VaCnnData, train_va_cnn
    from manifests.manifest import read_manifest

    config = parse_config(VaCnn, {name: context.params[name] for name in VaCnn.model_fields}, "options")
    with progress_bars() as bar:
        weights = train_va_cnn(
            out,
            VaCnnData(read_manifest(manifest), videos, column, segments, skip_failed),
            config,
            Machine(device=device, workers=workers),
            notify=notify,
            progress=bar("train VA-CNN", "epochs"),
        )
    done = read_completion(out)
    if json_:
        print(json.dumps({"weights": str(weights), **done}))
        return
    chosen = done["selected"]
    print(f"{weights}: epoch {chosen['epoch']} of {done['epochs']} selected; on validation")
    print(
        f"  segments {chosen['validation_segments']:.1%}, whole clips {chosen['validation_whole']:.1%}, "
        f"segments and beginnings {chosen['validation_accuracy']:.1%}"
    )
