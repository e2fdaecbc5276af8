"""A model with random weights, for measurements: what it computes takes as long as with trained ones."""

from pathlib import Path

import torch

from common.errors import UserError
from common.files import sha256_of
from distill.checkpoint import save_classifier
from distill.model_description import (
    FORMAT,
    ModelDescription,
    NetworkDescription,
    StreamDescription,
    write_description,
)
from distill.models import Classifier
from extract.feature_settings import feature_settings
from extract.file_features import FileFeatures
from extract.machine import Machine
from extract.networks.segment_network import SegmentNetwork
from extract.segments import SEGMENT_RULE
from manifests.recipes.extraction import Extract

CLASSES, HIDDEN = 101, 512  # UCF101's classes, the paper's student
STREAM, FILE = "features", "seed0.safetensors"


def write_drawn_model(
    folder: Path, config: Extract, machine: Machine, network: SegmentNetwork, recording: Path
) -> None:
    """Write an exported model with a random student.

    Args:
        folder: where.
        config: what decides the features.
        machine: what they are made with.
        network: of the config, on the machine.
        recording: a file of the kind that the network takes, from which the length of a feature is known.

    Raises:
        UserError: the recording has no features.
    """
    (made,) = FileFeatures(network, config, machine.decoder).make([str(recording)])
    if isinstance(made, str):
        raise UserError(f"{recording}: {made}")
    dimension, classes = made.values.shape[1], tuple(f"class {number}" for number in range(1, CLASSES + 1))
    folder.mkdir(parents=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        student = Classifier("gru", dimension, HIDDEN, CLASSES)
    save_classifier(folder / FILE, "gru", student.state_dict(), {})
    described = NetworkDescription(
        weights_file=FILE,
        weights_sha256=sha256_of(folder / FILE),
        seed=0,
        kind="gru",
        feature_dim=dimension,
        streams=(STREAM,),
    )
    segments = config.segments
    write_description(
        folder,
        ModelDescription(
            format=FORMAT,
            method="random",
            title="A student with random weights",
            classes=classes,
            num_segments=segments,
            observation_ratios=tuple(level / segments for level in range(1, segments + 1)),
            segment_rule=SEGMENT_RULE,
            sees_future=False,
            standardisation="none",
            protocol="none",
            streams={STREAM: StreamDescription(settings=feature_settings(config, machine, network))},
            networks=(described,),
            versions={},
        ),
    )
