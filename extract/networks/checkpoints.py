"""Loads the checkpoints of other projects: it finds the layout, assigns every tensor, and refuses what does not fit.

Files are read as data only. A pickle that would run code is refused. The names of the tensors in each layout are in
`checkpoint_names`, the download of files is in `weights`.
"""

import pickle
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from common.errors import UserError, first_few
from extract.networks.checkpoint_names import Layout, layout_of, names_in_file

_HEADS: dict[Layout, str] = {
    "official": r"(module\.)?(new_fc|base_model\.fc|base_model\.classifier)\.(weight|bias)",
    "online-demo": r"classifier\.(weight|bias)",
    "mmaction2": r"cls_head\..*",
    "efficientnet-lite": r"_fc\.(weight|bias)",
}
COUNTER = "num_batches_tracked"  # batch normalisation counts in training; some files lack it


@dataclass(frozen=True)
class LoadReport:
    """Which tensors of a file were used, by their names in it."""

    layout: Layout
    used: tuple[str, ...]
    unused: tuple[str, ...]  # only the classifier and the counters of batch normalisation


def load_checkpoint(network: nn.Module, path: Path, layouts: Iterable[Layout]) -> LoadReport:
    """Load a file into `network`. Every tensor of the network is found in the file, and none of the file is left.

    Args:
        network: a timm network without a classifier, into which shift and non-local blocks are already inserted.
        path: a `.safetensors` file, or one that `torch.save` wrote.
        layouts: the layouts in which the weights of `network` exist.

    Raises:
        UserError: the file cannot be read, is unsafe or has another layout; a tensor is missing, has another shape, or
            is not used.
    """
    tensors = read_checkpoint(path)
    layout = layout_of(tensors)
    if layout not in layouts:
        raise UserError(f"{path} has the layout {layout!r}; this backbone is read from {' or '.join(layouts)}")
    head = re.compile(_HEADS.get(layout) or _timm_head(network))
    names = {key: name for key, name in names_in_file(network, layout).items() if not key.endswith(COUNTER)}
    if layout == "official" and not any(name.startswith("module.") for name in tensors):
        names = {key: name.removeprefix("module.") for key, name in names.items()}
    _refuse_another_network(path, layout, tensors, set(names.values()))
    unused = assign_tensors(network, path, tensors, names, lambda name: head.fullmatch(name) is not None)
    return LoadReport(layout, tuple(names.values()), unused)


def assign_tensors(
    network: nn.Module,
    path: Path,
    tensors: Mapping[str, Tensor],
    names: Mapping[str, str],
    is_left: Callable[[str], bool],
) -> tuple[str, ...]:
    """Assign the tensors of a file to a network, all of them but those that are left on purpose.

    Args:
        network: gets the tensors.
        path: of the file, for messages.
        tensors: of the file, by name.
        names: for each key of the network's state, without the counters of batch normalisation, the name in the file.
        is_left: tells of a name whether the tensor is left, as those of a classifier.

    Returns:
        The names of the tensors that are left, counters of batch normalisation included.

    Raises:
        UserError: a tensor is missing, has another shape, or is not used.
    """
    own, used = network.state_dict(), set(names.values())
    unused = [name for name in tensors if name not in used and (name.endswith(COUNTER) or is_left(name))]
    extra = [name for name in tensors if name not in used and name not in unused]
    missing = [name for name in names.values() if name not in tensors]
    if missing:
        key, name = next((key, name) for key, name in names.items() if name not in tensors)
        raise UserError(
            f"{path} lacks {first_few(missing)} ({name} should have the shape {tuple(own[key].shape)}); found no "
            f"tensor of that name: not a checkpoint of this backbone, or damaged"
        )
    if extra:
        raise UserError(f"{path} has tensors that this backbone has no place for: {first_few(extra)}")
    for key, name in names.items():
        if tensors[name].shape != own[key].shape:
            raise UserError(
                f"{path}: {name} has the shape {tuple(tensors[name].shape)}, expected {tuple(own[key].shape)}: "
                "not a checkpoint of this backbone"
            )
    network.load_state_dict(own | {key: tensors[name] for key, name in names.items()})
    return tuple(unused)


def read_checkpoint(path: Path, wrappers: Iterable[str] = ("state_dict", "model")) -> dict[str, Tensor]:
    """Return the tensors of a file by name, on the CPU, without running any code that it contains.

    Args:
        path: a `.safetensors` file, or one that `torch.save` wrote.
        wrappers: the keys under which the latter may have the tensors, beside what else training saved.

    Raises:
        UserError: the file does not exist, is no checkpoint, is truncated, or contains Python code beside tensors.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with torch.serialization.safe_globals(_LEFT_BY_TRAINING):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except pickle.UnpicklingError as error:
        if foreign := re.search(r"GLOBAL (\S+)", str(error)):
            raise UserError(f"{path} holds Python code beside tensors ({foreign[1]}) and was refused") from error
        raise UserError(f"{path} is no checkpoint, or is damaged; fetch it again") from error
    except Exception as error:  # the reader raises errors of many types for damaged files
        raise UserError(f"{path} is no checkpoint, or is damaged ({_first_line(error)}); fetch it again") from error
    for wrapper in wrappers:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping) or not content or not all(isinstance(t, Tensor) for t in content.values()):
        raise UserError(f"{path} is no checkpoint: no table of named tensors in it")
    return {str(name): tensor for name, tensor in content.items()}


def _refuse_another_network(path: Path, layout: Layout, tensors: Iterable[str], used: set[str]) -> None:
    """Refuse a file that differs from the backbone in a known way, with a sentence about the difference."""
    if any(".non_local_block." in name for name in tensors):
        raise UserError(f"{path} holds the non-local blocks of MMAction2, which this program does not build")
    marks = {".net.": "temporal shift", ".nl.": "non-local blocks"}
    for mark, meaning in marks.items():
        there, here = (any(mark in name for name in names) for names in (tensors, used))
        if there != here and layout != "timm":
            has = f"has {meaning} and the backbone has none" if there else f"has no {meaning} and the backbone does"
            raise UserError(f"{path} {has}; choose the backbone that the file was trained with")


def _timm_head(network: nn.Module) -> str:
    config = getattr(network, "pretrained_cfg", {})
    heads = config.get("classifier") or ()
    return "|".join(rf"{re.escape(head)}\..*" for head in ([heads] if isinstance(heads, str) else heads))


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


class _Ignored:
    """Replaces an object that training saved beside the weights. It keeps nothing and does nothing."""

    def __init__(self, *_: object) -> None: ...

    def __setstate__(self, _: object) -> None: ...


# MMAction2 1.x saves its message hub with the weights: histories of the loss, as NumPy arrays in mmengine's
# HistoryBuffer. The reader gets an empty replacement for each of these names, never the real class.
_LEFT_BY_TRAINING: list[Any] = [
    type(name, (_Ignored,), {"__module__": module, "__qualname__": name})
    for module, name in (
        ("mmengine.logging.history_buffer", "HistoryBuffer"),
        ("builtins", "getattr"),
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy.core.multiarray", "scalar"),
        ("numpy._core.multiarray", "_reconstruct"),
        ("numpy._core.multiarray", "scalar"),
    )
]
