"""`python -m evaluate export`: a trained model as one folder that can be taken anywhere."""

from pathlib import Path
from typing import Annotated

import typer

from evaluate.commands.model_options import BackboneWeights, Model, ModelMethod, ModelSeed, weights_of_streams


def export(
    model: Model,
    out: Annotated[Path, typer.Option(help="The folder to write. It must not exist, or be empty.")],
    method: ModelMethod = None,
    seed: ModelSeed = None,
    weights: BackboneWeights = None,
) -> None:
    """Write a trained model into a folder of its own, for `predict` on another machine.

    The folder has the weights of the networks, and model.json with the classes and the settings of the features. The
    weights of a backbone are in it too if they are a file of your own or a trained VA-CNN. Weights that are installed
    as a package or released under a name are found by that name. A decision rule that `decide --store` has stored with
    the model is copied too.

    Example: `python -m evaluate export out/mine --out mine-model`
    """
    from evaluate.live.export import export_model
    from evaluate.live.trained_model import find_model

    found = find_model(model, method, seed)
    done = export_model(found, out, weights_of_streams(weights, found))
    size = sum((done.folder / name).stat().st_size for name in done.files)
    print(f"{done.folder}: {found.summary}; {', '.join(done.files)} ({size / 1e6:.1f} MB)")
    for stream, name in done.by_name.items():
        if name != "none":
            print(f"the backbone of stream {stream} is not in it: its weights are found by the name {name}")
