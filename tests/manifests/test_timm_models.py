"""The licences that are written down are those that timm states, and each network gives features."""

import pytest
import timm
import torch

from extract.backbones.any_timm import timm_preprocess
from extract.networks.timm_models import OwnWeights, own_weights
from manifests.timm_models import FREE, RECOMMENDED, file_to_fetch


@pytest.mark.parametrize("name", RECOMMENDED)
def test_as_timm_states_it(name: str) -> None:
    assert own_weights(name) == OwnWeights(name, RECOMMENDED[name])
    released = timm.get_pretrained_cfg(name)
    assert released is not None and f" of {released.hf_hub_id} on " in file_to_fetch(name)


@pytest.mark.parametrize("name", RECOMMENDED)
def test_it_can_be_a_backbone(name: str) -> None:
    """Shapes only: nothing is computed on the device "meta"."""
    side = timm_preprocess(name).crop
    with torch.device("meta"), torch.no_grad():
        features = timm.create_model(name, pretrained=False, num_classes=0).eval()(torch.zeros(2, 3, side, side))
    assert features.dim() == 2 and len(features) == 2


def test_some_are_free_and_some_are_not() -> None:
    free = [name for name, licence in RECOMMENDED.items() if licence in FREE]
    assert 0 < len(free) < len(RECOMMENDED) and list(RECOMMENDED)[: len(free)] == free
