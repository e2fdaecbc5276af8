"""The network that a config asks for, with its weights, on a device: `load_segment_network`."""

import numpy as np
import torch

from common.device import choose_device
from common.errors import UserError
from common.log import LOGGER
from extract.backbones import load_backbone
from extract.clip import Clip
from extract.machine import Machine
from extract.networks.backbone import Backbone
from extract.networks.segment_network import SegmentNetwork
from extract.networks.timm_models import first_line
from extract.runtimes import CannotPrepare, Runtime, candidates
from manifests.recipes.extraction import AUTO, Extract


def load_segment_network(config: Extract, machine: Machine, segments_at_once: int | None = None) -> SegmentNetwork:
    """Return the network of a config on a machine's device, with its weights.

    Args:
        config: what decides the features.
        machine: what they are made with.
        segments_at_once: it is made for clips of so many segments; None: for those of the config. A network that
            carries its state along a clip is always made for whole clips; `FrameStream` computes its segments one by
            one.

    Raises:
        UserError: the backbone, the weights or the device do not exist, the precision is "auto", or the network fails
            on the device.
    """
    if config.precision == AUTO:
        raise UserError("the precision auto is chosen for the clips of a run; name one here: fp32, bf16 or fp16")
    device = choose_device(machine.device)
    runtimes = candidates(machine, device)
    if machine.threads is not None:
        torch.set_num_threads(machine.threads)
    if config.weights == "train":
        raise UserError(
            "only `python -m evaluate reproduce` trains the weights first; train them with "
            "`python -m extract train-vacnn` and give the file"
        )
    backbone = load_backbone(config, machine.weights_folder)
    _refuse_no_frame_rate(config, backbone)
    try:
        count = segments_at_once if segments_at_once and backbone.along_clip is None else config.segments
        network = _prepared(backbone, config, machine, device, runtimes, count)
        if backbone.input == "video" and network.batches is None and _needs_trial(config, machine):
            network(_blank_clip(config, count))
    except UserError:
        raise
    except Exception as error:  # networks, compilers and drivers raise exceptions of many types
        how = f"{config.precision}{', compiled' if machine.compiled else ''}"
        raise UserError(f"{config.backbone} does not run on {device} in {how}: {first_line(error)}") from error
    return network


def _refuse_no_frame_rate(config: Extract, backbone: Backbone) -> None:
    """Refuse skeletons without a frame rate, if segments last a fixed time.

    Raises:
        UserError: the key is missing.
    """
    if config.segment_seconds is not None and config.frame_rate is None and backbone.files == "skeleton":
        raise UserError(
            "segment_seconds needs the key frame_rate too, because skeleton files do not say how many frames a second "
            "have; Kinect's have 30: frame_rate = 30, or the option --frame-rate 30"
        )


def _prepared(
    backbone: Backbone,
    config: Extract,
    machine: Machine,
    device: str,
    runtimes: dict[str, Runtime],
    segments_at_once: int,
) -> SegmentNetwork:
    """Return the network in the first of the runtimes that can compute it.

    Raises:
        UserError: none of them can.
    """
    reasons = []
    for name, runtime in runtimes.items():
        try:
            return SegmentNetwork(
                backbone,
                device=device,
                precision=config.precision,
                compiled=machine.compiled,
                num_segments=segments_at_once,
                runtime=runtime,
                threads=machine.threads,
            )
        except CannotPrepare as error:
            reasons.append(f"the runtime {name} cannot compute {config.backbone} here: {error}")
            LOGGER.debug(reasons[-1])
    raise UserError(f"{'; '.join(reasons)}; or choose another output with the runtime torch (--runtime torch)")


def _needs_trial(config: Extract, machine: Machine) -> bool:
    """Tell whether the network runs in another way than `load_backbone` has tried it."""
    return machine.compiled or config.precision != "fp32"


def _blank_clip(config: Extract, segments_at_once: int) -> Clip:
    segments = np.zeros((segments_at_once, config.frames), np.int64)
    return Clip(np.zeros((1, 32, 32, 3), np.uint8), segments, 1)
