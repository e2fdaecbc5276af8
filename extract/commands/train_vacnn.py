"""`python -m extract train-vacnn`: its options, and what it says when it ends."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from common.config import parse_config
from manifests.recipes.recipe import VaCnn

DEFAULT = VaCnn()


def train_vacnn(
    manifest: Annotated[Path, typer.Argument(help="The manifest's CSV, with a validation split.")],
    videos: Annotated[Path, typer.Option(help="Folder the manifest's paths are relative to.")],
    out: Annotated[Path, typer.Option(help="Run folder to make; the weights are in OUT/weights.safetensors.")],
    column: Annotated[str, typer.Option(help="The manifest's column of the skeleton files.")] = "path",
    network: Annotated[str, typer.Option(help="The main network: any timm model.")] = DEFAULT.network,
    image_size: Annotated[int, typer.Option(help="Side of a segment's picture.")] = DEFAULT.image_size,
    initial_weights: Annotated[
        str, typer.Option(help="Of the main network: scratch, a file of ImageNet weights, or timm-package.")
    ] = DEFAULT.initial_weights,
    epochs: Annotated[int, typer.Option(help="At most.")] = DEFAULT.epochs,
    samples_per_clip: Annotated[int, typer.Option(help="Pictures of each clip in an epoch.")] = (
        DEFAULT.samples_per_clip
    ),
    batch_size: Annotated[int, typer.Option(help="Pictures at once.")] = DEFAULT.batch_size,
    learning_rate: Annotated[float, typer.Option(help="Of Adam.")] = DEFAULT.learning_rate,
    rotation: Annotated[float, typer.Option(help="Skeletons turn by up to this, in radians.")] = DEFAULT.rotation,
    cooldown: Annotated[int, typer.Option(help="Epochs after a fall that do not count.")] = DEFAULT.cooldown,
    plateau: Annotated[int, typer.Option(help="Epochs without gain before the rate falls.")] = DEFAULT.plateau,
    patience: Annotated[int, typer.Option(help="Epochs without gain before the training ends.")] = DEFAULT.patience,
    skip_failed: Annotated[bool, typer.Option(help="Train without the files that cannot be read.")] = False,
    segments: Annotated[int, typer.Option(min=1, help="Segments in each clip; the paper has 10.")] = 10,
    seed: Annotated[int, typer.Option(help="Of weights, samples and rotations.")] = DEFAULT.seed,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1.")] = "auto",
    workers: Annotated[int, typer.Option(min=1, help="Processes that read files.")] = 2,
    legacy_sequence_stretch: Annotated[
        bool, typer.Option("--legacy-sequence-stretch", help="As the released code; sees the future.")
    ] = False,
    legacy_sequence_actors: Annotated[
        bool, typer.Option("--legacy-sequence-actors", help="As the released code; sees the future.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for a program to read.")] = False,
) -> None:
    """Train a VA-CNN on a manifest's training split; killed, the same command goes on where it was.

    Example: `python -m extract train-vacnn ntu60.csv --videos /data/ntu60 --out vacnn-ntu60 --device cuda`
    """
    from common.progress import progress_bars
    from common.run_record import read_record
    from extract.machine import Machine  # torch: only where it is needed
    from extract.va_cnn.run_folder import DONE, VaCnnData, train_va_cnn
    from manifests.manifest import read_manifest

    options = {
        "network": network,
        "image_size": image_size,
        "initial_weights": initial_weights,
        "learning_rate": learning_rate,
        "batch_size": batch_size,
        "epochs": epochs,
        "samples_per_clip": samples_per_clip,
        "rotation": rotation,
        "plateau": plateau,
        "cooldown": cooldown,
        "patience": patience,
        "seed": seed,
        "legacy_sequence_stretch": legacy_sequence_stretch,
        "legacy_sequence_actors": legacy_sequence_actors,
    }
    with progress_bars() as bar:
        weights = train_va_cnn(
            out,
            VaCnnData(read_manifest(manifest), videos, column, segments, skip_failed),
            parse_config(VaCnn, options, "options"),
            Machine(device=device, workers=workers),
            notify=Console(stderr=True, markup=False).print,
            progress=bar("train VA-CNN", "epochs"),
        )
    done = read_record(out / DONE)
    if as_json:
        print(json.dumps({"weights": str(weights), **done}))
        return
    chosen = done["selected"]
    print(f"{weights}: epoch {chosen['epoch']} of {done['epochs']} selected; on validation")
    print(
        f"  segments {chosen['validation_segments']:.1%}, whole clips {chosen['validation_whole']:.1%}, "
        f"segments and beginnings {chosen['validation_accuracy']:.1%}"
    )
