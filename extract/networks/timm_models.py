"""timm's models by name, and the trial run of a network before it is used.

timm takes two seconds to import, so it is imported in the functions that need it.
"""

import difflib
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from common.errors import UserError, first_few

TAGS_SHOWN = 20
UNSTATED = "not stated by timm"


class OwnWeights(NamedTuple):
    """The weights that timm releases for a model.

    Attributes:
        name: of the model, with the tag of the weights.
        licence: as timm states it.
    """

    name: str
    licence: str


def check_timm_name(name: str, prefix: str = "") -> None:
    """Check that timm has a model of this name, and the tag that the name may end with.

    Args:
        name: a name such as `resnet50` or `resnet50.a1_in1k`.
        prefix: what the sentence puts before the names that it proposes, as the user writes them.

    Raises:
        UserError: the model is unknown (with similar names), renamed (with the new name) or removed, or it has no such
            tag (with the tags that it has).
    """
    import timm
    from timm.models import get_arch_pretrained_cfgs, get_deprecated_models

    model, dot, tag = name.partition(".")
    renamed = get_deprecated_models()
    if model in renamed:
        now = renamed[model]
        if now is None:
            raise UserError(f"timm has removed the model {model}; choose another one")
        raise UserError(f"timm has renamed the model {model}: write {prefix}{now}")
    if not timm.is_model(model):
        near = difflib.get_close_matches(model, timm.list_models(), n=3, cutoff=0.3) or ["resnet18", "resnet50"]
        raise UserError(f"timm has no model {model!r}; near are {', '.join(prefix + other for other in near)}")
    tags = [full.partition(".")[2] for full in get_arch_pretrained_cfgs(model)]
    if dot and tag not in tags:
        shown = first_few(list(filter(None, tags)), TAGS_SHOWN) or "none"
        raise UserError(f"timm has no tag {tag!r} of {prefix}{model}; the tags are {shown}")


def create_timm_model(name: str, num_classes: int) -> Any:
    """Return a timm model without trained weights. It gives logits, or pooled features if `num_classes` is 0.

    Raises:
        UserError: timm cannot build it in this way.
    """
    import timm

    try:
        return timm.create_model(name, pretrained=False, num_classes=num_classes)
    except Exception as error:  # models raise exceptions of many types
        raise UserError(f"timm cannot build {name} with {num_classes} classes: {first_line(error)}") from error


def own_size(name: str) -> int:
    """Return the side of the images that a timm model was made for."""
    import timm

    released = timm.get_pretrained_cfg(name)
    return int(released.input_size[-1]) if released else 224


def own_weights(name: str) -> OwnWeights:
    """Return the weights that timm releases for a model: those of its tag, or else timm's default ones."""
    import timm

    released = timm.get_pretrained_cfg(name)
    if released is None or not released.has_weights:
        return OwnWeights(name, UNSTATED)
    full = name if "." in name or not released.tag else f"{name}.{released.tag}"
    licence = UNSTATED if released.license in (None, "unknown") else str(released.license)
    return OwnWeights(full, licence)


def try_network(
    network: nn.Module, name: str, size: int, own_size: int, pictures: int = 2, vectors: int | None = None
) -> None:
    """Run a network once on grey images. Its training mode and the state of random numbers do not change.

    Args:
        network: (B, 3, size, size) → (V, D), on the CPU, in float32.
        name: the name that the user gave.
        size: the side of the images.
        own_size: the side that the network was made for, for the sentence.
        pictures: B.
        vectors: V; None: one for each image.

    Raises:
        UserError: the network fails on such images, or does not give as many vectors.
    """
    was_training = network.training
    remedy = f"it was made for {own_size} x {own_size}" if size != own_size else "choose another model"
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            given = network.eval()(torch.zeros(pictures, 3, size, size))
    except Exception as error:  # models raise exceptions of many types
        raise UserError(f"{name} does not take pictures of {size} x {size}: {first_line(error)}; {remedy}") from error
    finally:
        network.train(was_training)
    wanted = pictures if vectors is None else vectors
    if not isinstance(given, Tensor) or given.dim() != 2 or len(given) != wanted or not given.shape[1]:
        raise UserError(
            f"{name} cannot be a backbone: for {pictures} pictures it gives {_described(given)} "
            f"and not a vector for {'each' if vectors is None else 'all of them'}"
        )
    if not given.isfinite().all():
        raise UserError(
            f"{name} gives values that are not finite for a grey picture of {size} x {size}; "
            f"look at its weights, or choose another image size: {remedy}"
        )


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or the type of the error if it has no message."""
    text = str(error).strip().partition("\n")[0].rstrip(" .;:")
    return text or type(error).__name__


def _described(given: object) -> str:
    if isinstance(given, Tensor):
        return f"a tensor of shape {tuple(given.shape)}"
    if isinstance(given, (list, tuple)):
        return f"{len(given)} tensors"
    return f"a {type(given).__name__}"
