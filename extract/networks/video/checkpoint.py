"""Loads the checkpoints of released video networks: every tensor is used or left on purpose, and none is missing.

A file of `transformers` is found in its folder, and the numbers in the `config.json` beside it are compared with those
of the network, because its heads, for one, cannot be seen in the tensors.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from common.errors import UserError, first_few
from extract.networks.checkpoints import COUNTER, assign_tensors, read_checkpoint

TRANSFORMERS = "model.safetensors"
Names = Callable[[str], str]  # the key of a tensor in the network → its name in a file


@dataclass(frozen=True)
class VideoLayout:
    """How released files name the tensors of a network.

    Attributes:
        title: whose layout it is.
        mark: a tensor that files of this layout have, and others have not.
        names: of the tensors, by their keys in the network.
        left: a pattern of the names that are left on purpose: classifiers, predictors and the like.
        fused: the end of the names of tensors that hold query, key and value one after the other; they are divided
            into `NAME/0`, `NAME/1` and `NAME/2`.
        prefix: a pattern of what stands before all names in some files; it is removed.
    """

    title: str
    mark: str
    names: Names
    left: str
    fused: tuple[str, ...] = ()
    prefix: str = ""


def load_video_checkpoint(
    network: nn.Module, path: Path, layouts: tuple[VideoLayout, ...], wrappers: tuple[str, ...]
) -> VideoLayout:
    """Load a file into a network, and return its layout.

    Args:
        network: without a classifier.
        path: a `.safetensors` file, or one that `torch.save` wrote.
        layouts: those in which weights of the network exist.
        wrappers: the keys under which a file of `torch.save` may have the tensors.

    Raises:
        UserError: the file cannot be read or is unsafe, has another layout or tensors of other names or shapes, or has
            lost the values of biases.
    """
    found = read_checkpoint(path, wrappers)
    layout, tensors = None, found
    for each in layouts:
        tensors = {re.sub(rf"^{each.prefix}", "", name): tensor for name, tensor in found.items()}
        if each.mark in tensors:
            layout = each
            break
    if layout is None:
        marks = " or ".join(f"{each.mark} ({each.title})" for each in layouts)
        raise UserError(f"{path} is not a checkpoint of this backbone: it has no tensor {marks}")
    for name in [name for name in tensors if layout.fused and name.endswith(layout.fused)]:
        parts = tensors.pop(name).chunk(3)
        tensors |= {f"{name}/{number}": part for number, part in enumerate(parts)}
    keys = [key for key in network.state_dict() if not key.endswith(COUNTER)]
    assign_tensors(
        network,
        path,
        tensors,
        {key: layout.names(key) for key in keys},
        lambda name: re.fullmatch(layout.left, name) is not None,
    )
    refuse_zero_biases(path, {key: tensors[layout.names(key)] for key in keys})
    return layout


def refuse_zero_biases(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Refuse a file in which the biases of one kind are zero in every block.

    No training gives that. It is what remains where a program has not found the biases of a file and has saved the
    zeros that it began with.

    Args:
        path: of the file, for the message.
        tensors: those that were assigned.

    Raises:
        UserError: naming the biases.
    """
    zero: dict[str, bool] = {}
    for name, tensor in tensors.items():
        if name.endswith("bias"):
            kind = re.sub(r"\d+", "N", name)
            zero[kind] = zero.get(kind, True) and not tensor.any()
    if lost := [kind for kind, all_zero in zero.items() if all_zero]:
        raise UserError(
            f"{path}: the biases {first_few(lost)} are zero in every block, which no training gives: the program that "
            "wrote the file has lost them; fetch the released file"
        )


def find_in_folder(path: Path) -> Path:
    """Return the file of weights in a folder of `transformers`; of another path the path itself.

    Raises:
        UserError: the folder has no such file, or several.
    """
    if not path.is_dir():
        return path
    if (path / TRANSFORMERS).is_file():
        return path / TRANSFORMERS
    if (path / f"{TRANSFORMERS}.index.json").is_file():
        raise UserError(f"{path} has its weights in several files; save them as one {TRANSFORMERS}")
    raise UserError(f"the folder {path} has no {TRANSFORMERS}; give the file of weights")


def check_config(path: Path, wanted: Mapping[str, object]) -> None:
    """Compare the `config.json` beside a file of `transformers` with what a network is built with, if there is one.

    Args:
        path: the file of weights.
        wanted: the values by their keys in `config.json`. Keys that it lacks are not compared.

    Raises:
        UserError: a value differs, or the file is damaged.
    """
    config = path.with_name("config.json")
    if not wanted or path.suffix != ".safetensors" or not config.is_file():
        return
    try:
        there = json.loads(config.read_text(encoding="utf-8"))
        differing = {key: there[key] for key, value in wanted.items() if key in there and there[key] != value}
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"cannot read {config}: {error}") from error
    if differing:
        listed = [f"{key}: {value} there, {wanted[key]} here" for key, value in differing.items()]
        raise UserError(f"{config} is of another network ({', '.join(listed)}); choose the backbone that it belongs to")
