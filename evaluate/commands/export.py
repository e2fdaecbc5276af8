"""`python -m evaluate export`: a trained model as one folder that can be taken anywhere."""

from pathlib import Path
from typing import Annotated

import typer

from evaluate.commands.model_options import BackboneWeights, Model, ModelMethod, ModelSeed, weights_of_streams


def export(
    model: Model,
    out: Annotated[Path, typer.Option(help="The folder to write. It must not exist, or be empty.")],
    format_name: Annotated[
        str,
        typer.Option(
            "--format",
            help="native: for `predict`. onnx, openvino or torch: graphs that other programs run without this project.",
        ),
    ] = "native",
    method: ModelMethod = None,
    seed: ModelSeed = None,
    weights: BackboneWeights = None,
) -> None:
    """Write a trained model into a folder of its own, for `predict` on another machine or for other programs.

    A native folder has the weights of the networks, and model.json with the classes and the settings of the features.
    The weights of a backbone are in it too if they are a file of your own or a trained VA-CNN. Weights that are
    installed as a package or released under a name are found by that name. A decision rule that `decide --store` has
    stored with the model is copied too.

    The other formats write the backbone and the step from segment to segment as graphs with their weights, and a
    model.json that says in words what their inputs are.

    Examples:

    - `python -m evaluate export out/mine --out mine-model`

    - `python -m evaluate export out/mine --format onnx --out mine-onnx`
    """
    from evaluate.graphs.export import export_graphs
    from evaluate.graphs.formats import NATIVE, refuse_unknown_format
    from evaluate.live.export import export_model
    from evaluate.live.trained_model import find_model

    refuse_unknown_format(format_name)
    found = find_model(model, method, seed)
    given = weights_of_streams(weights, found)
    if format_name != NATIVE:
        graphs = export_graphs(found, out, format_name, given)
        _print_written(graphs.folder, graphs.files, found.summary)
        return
    done = export_model(found, out, given)
    _print_written(done.folder, done.files, found.summary)
    for stream, name in done.by_name.items():
        if name != "none":
            print(f"the backbone of stream {stream} is not in it: its weights are found by the name {name}")


def _print_written(folder: Path, files: tuple[str, ...], summary: str) -> None:
    size = sum((folder / name).stat().st_size for name in files)
    print(f"{folder}: {summary}; {', '.join(files)} ({size / 1e6:.1f} MB)")
