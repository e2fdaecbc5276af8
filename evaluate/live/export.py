"""Export a model: one folder with everything that is needed to recognise new recordings on another machine.

The folder has model.json and the weights of the networks. The weights of a backbone are in it too, unless any machine
can have them by their name. model.json has the sha256 of all of them. A decision rule that is stored with the model is
copied, if it is for the networks that are exported; its file has a sha256 of its own.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from common import log
from common.callbacks import Notify
from common.errors import UserError
from common.files import new_folder, sha256_of
from distill.model_description import MODEL, ModelDescription, read_description, write_description
from evaluate.graphs.description import holds_graphs
from evaluate.live.model_rule import RULE, find_rule, rule_file
from evaluate.live.stream_network import local_weights
from evaluate.live.trained_model import TrainedModel
from extract.recorded_features import recorded_weights_name


@dataclass(frozen=True)
class Exported:
    """What was exported: the folder, its files, and the weights that are found by their name, by stream."""

    folder: Path
    files: tuple[str, ...]
    by_name: dict[str, str]


def export_model(
    model: TrainedModel, out: Path, weights: dict[str, Path] | None = None, notify: Notify = log.notify
) -> Exported:
    """Write a model into a folder of its own. The folder is complete or absent.

    Args:
        model: with the networks that are wanted.
        out: the folder; it must not exist or be empty, or hold this very model.
        weights: by stream, the file of weights of its backbone, if that is not near the model.
        notify: gets a sentence if the stored decision rule is for other networks, and is not exported.

    Raises:
        UserError: the folder holds something else or cannot be written, the stored decision rule is damaged, or the
            weights of a backbone are missing.
    """
    described, files, by_name = _plan(model, weights or {})
    if find_rule(model, notify) is not None:
        files[RULE] = rule_file(model)
    names = (MODEL, *files)
    if (out / MODEL).is_file() and not holds_graphs(out) and read_description(out) == described:
        _refuse_other_rule(out / RULE, files.get(RULE))
        return Exported(out, names, by_name)
    with new_folder(out) as whole:
        for name, source in files.items():
            shutil.copyfile(source, whole / name)
        write_description(whole, described)
    return Exported(out, names, by_name)


def _refuse_other_rule(there: Path, own: Path | None) -> None:
    """Refuse a folder with the same model if only one of them has a decision rule, or each another one."""
    if (sha256_of(there) if there.exists() else None) != (sha256_of(own) if own else None):
        raise UserError(
            f"{there.parent} holds the same model, but not the same decision rule; give another folder, or remove it"
        )


def _plan(model: TrainedModel, weights: dict[str, Path]) -> tuple[ModelDescription, dict[str, Path], dict[str, str]]:
    """Return the description of the exported model, its files by name with their sources, and the weights by name."""
    files: dict[str, Path] = {}
    networks = []
    for network, source in zip(model.description.networks, model.files, strict=True):
        alone = f"{network.streams[0]}-" if len(model.description.streams) > len(network.streams) else ""
        name = f"{alone}seed{network.seed}.safetensors"
        files[name] = source
        networks.append(network.model_copy(update={"weights_file": name}))
    streams, by_name = {}, {}
    for name, stream in model.description.streams.items():
        known = recorded_weights_name(stream.settings)
        if known is not None:
            by_name[name] = known
            streams[name] = stream.model_copy(update={"weights_file": None})
            continue
        source_file = local_weights(name, model, weights.get(name))
        if source_file is None:
            raise UserError(
                f"the weights of the backbone of stream {name} are not near the model: they were the file "
                f"{stream.settings.get('weights')} with sha256 {stream.settings.get('weights_sha256')}; give it with "
                f"--weights {name}=FILE"
            )
        own = f"{name}-backbone{source_file.suffix}"
        files[own] = source_file
        streams[name] = stream.model_copy(update={"weights_file": own})
    described = model.description.model_copy(update={"networks": tuple(networks), "streams": streams})
    return described, files, by_name
