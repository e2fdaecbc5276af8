"""How to train a VA-CNN in a second or two."""

import pytest

from manifests.recipes.extraction import VaCnn


@pytest.fixture
def table() -> VaCnn:
    return VaCnn(network="test_resnet", image_size=40, learning_rate=1e-3, batch_size=8, epochs=4, samples_per_clip=2)
