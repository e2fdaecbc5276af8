"""Checkpoints of others into our networks: recognise the layout, name every tensor, refuse what does not fit.

Files are read as data only: a pickle that asks for code is refused, not run. Which network a file belongs to is
said by the caller (`backbones.py`); where files come from is in `weights.py`.
"""

import pickle
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from common.errors import UserError, some_of
from extract.networks.temporal_shift import TemporalShift

Layout = Literal["official", "mmaction2", "efficientnet-lite", "timm"]

# First parts of the names in a file, which tell its layout; "timm" (and torchvision's ResNet) is all the rest.
_PREFIXES: dict[Layout, tuple[str, ...]] = {
    "official": ("module.base_model.", "base_model."),
    "mmaction2": ("backbone.",),
    "efficientnet-lite": ("_conv_stem.",),
}
_HEADS: dict[Layout, str] = {
    "official": r"(module\.)?(new_fc|base_model\.fc|base_model\.classifier)\.(weight|bias)",
    "mmaction2": r"cls_head\..*",
    "efficientnet-lite": r"_fc\.(weight|bias)",
}
_COUNTER = "num_batches_tracked"  # of batch normalisation in training; absent from some files

_RESNET_OFFICIAL = (
    (r"\.nl\.(g|phi)\.", r".nl.\1.0."),
    (r"\.nl\.w\.", ".nl.W.0."),
    (r"\.nl\.norm\.", ".nl.W.1."),
)
_RESNET_MMACTION2 = (
    (r"conv(\d)\.", r"conv\1.conv."),
    (r"bn(\d)\.", r"conv\1.bn."),
    (r"downsample\.0\.", "downsample.conv."),
    (r"downsample\.1\.", "downsample.bn."),
)
# Networks of inverted residual blocks (MobileNetV2, EfficientNet-Lite): stem and head by name, blocks by rule.
_OUTER: dict[Layout, dict[str, str]] = {
    "official": {"conv_stem": "features.0.0", "bn1": "features.0.1", "conv_head": "features.18.0", "bn2": "features.18.1"},  # noqa: E501
    "mmaction2": {"conv_stem": "conv1.conv", "bn1": "conv1.bn", "conv_head": "conv2.conv", "bn2": "conv2.bn"},
    "efficientnet-lite": {"conv_stem": "_conv_stem", "bn1": "_bn0", "conv_head": "_conv_head", "bn2": "_bn1"},
}  # fmt: skip
_LITE_CONVS = ("_expand_conv", "_depthwise_conv", "_project_conv")


@dataclass(frozen=True)
class LoadReport:
    """What became of a file's tensors, by their names in it."""

    layout: Layout
    used: tuple[str, ...]
    unused: tuple[str, ...]  # the classifier and the counters of batch normalisation, nothing else


def load_checkpoint(network: nn.Module, path: Path, layouts: Iterable[Layout]) -> LoadReport:
    """Load a file into `network`, every tensor of both accounted for.

    Args:
        network: a timm network without classifier, with `insert_temporal_shift` and the like already done.
        path: `.safetensors`, or what `torch.save` wrote.
        layouts: the layouts that `network` can be found in.

    Raises:
        UserError: unreadable or unsafe file, foreign layout, missing or left-over tensors, wrong shape.
    """
    tensors = read_checkpoint(path)
    layout = layout_of(tensors)
    if layout not in layouts:
        raise UserError(f"{path} has the layout {layout!r}; this backbone is read from {' or '.join(layouts)}")
    own = network.state_dict()
    head = re.compile(_HEADS.get(layout) or _timm_head(network))
    names = {key: name for key, name in names_in_file(network, layout).items() if not key.endswith(_COUNTER)}
    if layout == "official" and not any(name.startswith("module.") for name in tensors):
        names = {key: name.removeprefix("module.") for key, name in names.items()}
    used = set(names.values())
    unused = [name for name in tensors if name not in used and (name.endswith(_COUNTER) or head.fullmatch(name))]
    extra = [name for name in tensors if name not in used and name not in unused]
    missing = [name for name in names.values() if name not in tensors]
    _refuse_another_network(path, layout, tensors, used)
    if missing:
        key, name = next((key, name) for key, name in names.items() if name not in tensors)
        raise UserError(
            f"{path} lacks {some_of(missing)} ({name} should have the shape {tuple(own[key].shape)}); found no tensor "
            f"of that name: not a checkpoint of this backbone, or damaged"
        )
    if extra:
        raise UserError(f"{path} has tensors that this backbone has no place for: {some_of(extra)}")
    for key, name in names.items():
        if tensors[name].shape != own[key].shape:
            raise UserError(
                f"{path}: {name} has the shape {tuple(tensors[name].shape)}, expected {tuple(own[key].shape)}: "
                "not a checkpoint of this backbone"
            )
    network.load_state_dict(own | {key: tensors[name] for key, name in names.items()})
    return LoadReport(layout, tuple(names.values()), tuple(unused))


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a file by name, on the CPU, without running anything that it contains.

    Raises:
        UserError: no such file, not a checkpoint, truncated, or with Python code beside the tensors.
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
    except Exception as error:  # a damaged file fails in the reader's every corner
        raise UserError(f"{path} is no checkpoint, or is damaged ({_first_line(error)}); fetch it again") from error
    for wrapper in ("state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping) or not content or not all(isinstance(t, Tensor) for t in content.values()):
        raise UserError(f"{path} is no checkpoint: no table of named tensors in it")
    return {str(name): tensor for name, tensor in content.items()}


def layout_of(names: Iterable[str]) -> Layout:
    """Tell the layout of a file by the names of its tensors."""
    names = list(names)
    for layout, prefixes in _PREFIXES.items():
        if any(name.startswith(prefixes) for name in names):
            return layout
    return "timm"


def names_in_file(network: nn.Module, layout: Layout) -> dict[str, str]:
    """Return, for each key of the network's state, the name of that tensor in a file of `layout`.

    ResNet names: mit-han-lab/temporal-shift-module (ops/models.py, ops/non_local.py) and open-mmlab/mmaction2
    (mmaction/models/backbones/resnet_tsm.py). MobileNetV2: archs/mobilenet_v2.py and mobilenet_v2_tsm.py there.
    """
    keys = list(network.state_dict())
    if layout == "timm":  # written before the shift wrapped any convolution
        wrapped = [f"{name}.net." for name, part in network.named_modules() if isinstance(part, TemporalShift)]
        plain = {start: f"{start.removesuffix('net.')}" for start in wrapped}
        starts = {key: next((start for start in wrapped if key.startswith(start)), "") for key in keys}
        return {key: key.replace(start, plain[start]) if (start := starts[key]) else key for key in keys}
    if hasattr(network, "conv_stem"):
        return _inverted_residual_names(keys, layout)
    rules = _RESNET_OFFICIAL if layout == "official" else _RESNET_MMACTION2
    names = {}
    for key in keys:
        name = key
        for pattern, replacement in rules:
            name = re.sub(pattern, replacement, name)
        names[key] = _PREFIXES[layout][0] + name
    return names


def _inverted_residual_names(keys: list[str], layout: Layout) -> dict[str, str]:
    blocks = list(dict.fromkeys(key.rsplit(".", 2 + (".net." in key))[0] for key in keys if key.startswith("blocks.")))
    prefix = "" if layout == "efficientnet-lite" else _PREFIXES[layout][0]
    names = {}
    for key in keys:
        parts = re.fullmatch(r"blocks\.(\d+)\.(\d+)\.([a-z_]+)(\d?)(\.net)?\.(\w+)", key)
        if parts is None:
            part, leaf = key.rsplit(".", 1)
            names[key] = f"{prefix}{_OUTER[layout][part]}.{leaf}"
            continue
        stage, index, part, number, net, leaf = parts.groups(default="")
        block = f"blocks.{stage}.{index}"
        expands = f"{block}.conv_pwl.weight" in keys
        order = ("conv_pw", "conv_dw", "conv_pwl") if expands else ("conv_dw", "conv_pw")
        place = int(number) - 1 if part == "bn" else order.index(part)
        if layout == "official":
            name = f"features.{blocks.index(block) + 1}.conv.{3 * place + (part == 'bn')}{net}"
        elif layout == "mmaction2":  # the shift wraps convolution and normalisation together
            net = ".net" if place == 0 and f"{block}.conv_pw.net.weight" in keys else ""
            name = f"layer{int(stage) + 1}.{index}.conv.{place}{net}.{'bn' if part == 'bn' else 'conv'}"
        else:
            place += 3 - len(order)
            name = f"_blocks.{blocks.index(block)}." + (f"_bn{place}" if part == "bn" else _LITE_CONVS[place])
        names[key] = f"{prefix}{name}.{leaf}"
    return names


def _refuse_another_network(path: Path, layout: Layout, tensors: Iterable[str], used: set[str]) -> None:
    """Say it in words where file and backbone differ in a known way."""
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
    """Takes the place of what training left in a file beside its weights. It keeps nothing and does nothing."""

    def __init__(self, *_: object) -> None: ...

    def __setstate__(self, _: object) -> None: ...


# MMAction2 1.x publishes its message hub along with the weights: histories of the loss, as NumPy arrays inside
# mmengine's HistoryBuffer. The reader meets these names and gets an empty stand-in for each, never the real thing.
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
