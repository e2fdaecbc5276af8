"""Batch normalisation folded into the convolution before it: the same features with fewer passes over memory.

The network is run once to find which convolution's output goes into which normalisation, so its code does not matter.
Written here because torch's `fuse_modules` needs these pairs by name, and its graph version cannot trace all models.
The statistics must be final, so a network that is still trained cannot be folded.
"""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils._python_dispatch import TorchDispatchMode


def fold_batch_norm(network: nn.Module, example: Tensor) -> tuple[nn.Module, int]:
    """Return a copy of a network in evaluation mode, with normalisations folded into convolutions.

    A normalisation is folded if its input is the output of a convolution that goes nowhere else, and both are used
    once. An activation that is part of the normalisation stays.

    Args:
        network: is not changed; the copy shares the weights that stay the same.
        example: an input that the network takes.

    Returns:
        The copy, and how many normalisations are folded.
    """
    shared: dict[int, Any] = {id(weight): nn.Parameter(weight.data, False) for weight in network.parameters()}
    folded = copy.deepcopy(network, shared)
    pairs = _pairs(folded, example)
    for convolution, norm, name in pairs:
        _fold(convolution, norm)
        folded.set_submodule(name, getattr(norm, "act", nn.Identity()))  # timm's BatchNormAct2d has an activation
    return folded, len(pairs)


def _fold(convolution: Any, norm: Any) -> None:
    """Set w' = w γ/√(σ² + ε) and b' = β + (b - μ) γ/√(σ² + ε), computed in float64."""
    weight = convolution.weight
    scale = (norm.running_var.double() + norm.eps).rsqrt()  # (C,)
    shift = -norm.running_mean.double()
    if convolution.bias is not None:
        shift = shift + convolution.bias
    if norm.affine:
        scale = scale * norm.weight
    shift = shift * scale + (norm.bias if norm.affine else 0)
    folded = weight * scale.view(-1, *[1] * (weight.dim() - 1))
    convolution.weight = nn.Parameter(folded.to(weight.dtype), requires_grad=False)
    convolution.bias = nn.Parameter(shift.to(weight.dtype), requires_grad=False)


def _foldable() -> tuple[tuple[type, ...], tuple[type, ...]]:
    """Return the classes of convolutions and of normalisations that can be folded.

    Exactly these: a subclass may standardise its weights on every call, or normalise in another way.
    """
    from timm.layers.conv2d_same import Conv2dSame  # timm takes two seconds to import
    from timm.layers.norm_act import BatchNormAct2d

    convolutions = nn.Conv1d, nn.Conv2d, nn.Conv3d, Conv2dSame
    return convolutions, (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, BatchNormAct2d)


class _Uses(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the operations that use each of the watched tensors."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.watched: dict[int, Tensor] = {}  # these references keep other tensors from getting the same id
        self.count: dict[int, int] = {}

    def watch(self, tensor: Tensor) -> None:
        self.watched[id(tensor)] = tensor
        self.count[id(tensor)] = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        for value in (*args, *(kwargs or {}).values()):
            for tensor in value if isinstance(value, (list, tuple)) else [value]:
                if id(tensor) in self.watched:
                    self.count[id(tensor)] += 1
        return func(*args, **(kwargs or {}))


def _pairs(network: nn.Module, example: Tensor) -> list[tuple[nn.Module, nn.Module, str]]:
    """Return each convolution with the only normalisation that uses its output, and the name of the latter."""
    if not any(isinstance(module, _BatchNorm) for module in network.modules()):
        return []  # neither is timm imported nor the network run
    convolutions, norms = _foldable()
    uses = _Uses()
    made: dict[int, nn.Module] = {}  # by id of its output
    met: list[tuple[int, nn.Module, str]] = []
    calls: dict[nn.Module, int] = {}

    def after(module: nn.Module, _: object, output: Tensor) -> None:
        calls[module] = calls.get(module, 0) + 1
        made[id(output)] = module
        uses.watch(output)

    def before(module: nn.Module, name: str, source: Tensor) -> None:
        calls[module] = calls.get(module, 0) + 1
        if id(source) in uses.watched and not module.training and module.running_mean is not None:
            met.append((id(source), module, name))

    hooks = []
    for name, module in network.named_modules():
        if type(module) in convolutions:
            hooks.append(module.register_forward_hook(after))
        elif type(module) in norms:
            hooks.append(module.register_forward_pre_hook(lambda norm, args, name=name: before(norm, name, args[0])))
    try:
        with torch.no_grad(), uses:
            network(example)
    finally:
        for hook in hooks:
            hook.remove()
    return [
        (made[output], norm, name)
        for output, norm, name in met
        if uses.count[output] == 1 and calls[made[output]] == calls[norm] == 1
    ]
