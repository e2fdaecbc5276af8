"""Any model of timm as a backbone, under the name `timm:NAME`, with the preprocessing that timm gives for it.

timm takes two seconds to import, so it is imported in the functions that need it.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from common.errors import UserError
from extract.backbones.entry import BackboneEntry
from extract.backbones.frame_network import FrameNetwork
from extract.networks.backbone import Backbone
from extract.networks.preprocess import Preprocess
from extract.networks.timm_models import check_timm_name
from manifests.recipes.extraction import Extract

PREFIX = "timm:"
ASPECTS: dict[str, Literal["kept", "squashed"]] = {"center": "kept", "squash": "squashed"}  # by timm's crop mode


@dataclass(frozen=True, kw_only=True)
class AnyTimm(BackboneEntry):
    """The family of timm's models."""

    def load(self, config: Extract, weights_folder: Path | None, seed: int) -> Backbone:
        """Return the model that stands after `timm:`, with its weights.

        Raises:
            UserError: timm has no such model, its preprocessing is not supported, or it cannot be loaded.
        """
        model = config.backbone.removeprefix(PREFIX)
        check_timm_name(model, PREFIX)
        network = FrameNetwork(
            title=f"timm's {model}", timm_name=model, preprocess=timm_preprocess(model), layouts=("timm",)
        )
        return network.load(config, weights_folder, seed)

    def names(self, key: str) -> list[str]:
        """Return `timm:` and the name of every model."""
        import timm

        return [PREFIX + model for model in timm.list_models()]


def timm_preprocess(model: str) -> Preprocess:
    """Return the preprocessing that timm gives for a model.

    Raises:
        UserError: it resizes in a way that is not supported here.
    """
    import timm
    from timm.data.config import resolve_data_config

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


ANY_TIMM = AnyTimm(title="any model of timm", input="video")
