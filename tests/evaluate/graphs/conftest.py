"""Small models that were never trained: random networks with the description that a training would write."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import torch

from common.files import sha256_of
from distill.checkpoint import save_classifier
from distill.model_description import ModelDescription, NetworkDescription, StreamDescription, write_description
from distill.models import Classifier
from extract.feature_settings import feature_settings
from extract.machine import Machine
from extract.network_loader import load_segment_network
from extract.segments import SEGMENT_RULE
from manifests.recipes.extraction import Extract

NUM_SEGMENTS, CLASSES = 4, ("jump", "run", "wave")
CONFIG = Extract(
    backbone="timm:test_resnet", weights="random", segments=NUM_SEGMENTS, frames_per_segment=2, image_size=32
)
MakeModel = Callable[..., Path]


@pytest.fixture(autouse=True)
def calm() -> Iterator[None]:
    """Leave torch with as many threads as before: a model sets the number of its cache."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def make_model(tmp_path_factory: pytest.TempPathFactory) -> MakeModel:
    """A function that writes a model as `export --format native` does: from kinds of networks, a folder."""

    def make(kinds: Sequence[str] = ("gru",)) -> Path:
        machine = Machine(device="cpu", runtime="torch", threads=1)
        network = load_segment_network(CONFIG, machine)
        stream = StreamDescription(settings=feature_settings(CONFIG, machine, network))
        folder = tmp_path_factory.mktemp("model")
        networks = []
        for seed, kind in enumerate(kinds):
            torch.manual_seed(seed)
            classifier = Classifier(kind, 96, 5, len(CLASSES))  # type: ignore[arg-type]
            with torch.no_grad():
                classifier.classifier.weight.mul_(20)  # so that the classes are not nearly equally probable
            file = folder / f"seed{seed}.safetensors"
            save_classifier(file, classifier.kind, classifier.state_dict(), {})
            networks.append(
                NetworkDescription(
                    weights_file=file.name,
                    weights_sha256=sha256_of(file),
                    seed=seed,
                    kind=classifier.kind,
                    feature_dim=96,
                    streams=("features",),
                )
            )
        write_description(
            folder,
            ModelDescription(
                format=1,
                method="with",
                title="With distillation",
                classes=CLASSES,
                num_segments=NUM_SEGMENTS,
                observation_ratios=tuple(n / NUM_SEGMENTS for n in range(1, NUM_SEGMENTS + 1)),
                segment_rule=SEGMENT_RULE,
                sees_future=False,
                standardisation="none",
                protocol="made-up",
                streams={"features": stream},
                networks=tuple(networks),
                versions={"torch": "2"},
            ),
        )
        return folder

    return make
