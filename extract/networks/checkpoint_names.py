"""The names that a network's tensors have in the files of others, by the layout of the file."""

import re
from collections.abc import Iterable
from typing import Literal

from torch import nn

from extract.networks.temporal_shift import TemporalShift

Layout = Literal["official", "online-demo", "mmaction2", "efficientnet-lite", "timm"]

# How the names in a file begin, which shows its layout. Any other file is "timm", as torchvision's ResNets are.
_PREFIXES: dict[Layout, tuple[str, ...]] = {
    "official": ("module.base_model.", "base_model."),
    "online-demo": ("features.1.conv.0.weight",),
    "mmaction2": ("backbone.",),
    "efficientnet-lite": ("_conv_stem.",),
}

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


def layout_of(names: Iterable[str]) -> Layout:
    """Return the layout of a file, from the names of its tensors."""
    names = list(names)
    for layout, prefixes in _PREFIXES.items():
        if any(name.startswith(prefixes) for name in names):
            return layout
    return "timm"


def names_in_file(network: nn.Module, layout: Layout) -> dict[str, str]:
    """Return, for each key of the network's state, the name of that tensor in a file of `layout`.

    Sources for ResNets: mit-han-lab/temporal-shift-module (ops/models.py, ops/non_local.py) and open-mmlab/mmaction2
    (mmaction/models/backbones/resnet_tsm.py). For MobileNetV2: archs/mobilenet_v2.py and, for the layout of the demo,
    online_demo/mobilenet_v2_tsm.py in the former, and mobilenet_v2_tsm.py in the latter.
    """
    if layout == "online-demo":  # its blocks take the shifted channels as an argument, so no module wraps a convolution
        official = names_in_file(network, "official")
        start = _PREFIXES["official"][0]
        return {key: name.removeprefix(start).replace(".net.", ".") for key, name in official.items()}
    keys = list(network.state_dict())
    if layout == "timm":  # these files have no shift around their convolutions
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
