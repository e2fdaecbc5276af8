"""X3D: the features of PyTorchVideo's network with the same weights, by golden numbers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from extract.backbones.x3d import STAGES, X3D
from extract.networks.video.checkpoint import load_video_checkpoint
from extract.networks.video.x3d import X3d, X3dStage

pytestmark = pytest.mark.usefixtures("one_thread")

# PyTorchVideo 0.1.5, create_x3d(input_clip_length=4, input_crop_size=32, depth_factor=0.4, head_dim_out=64), with the
# weights and images of conftest.py: what the classifier gets.
GOLDEN = {0: 3.2086444, 1: 9.6007795, 2: 10.071003, 3: 4.3292747, 4: 0.0, 8: 4.9262309, 9: 10.277184}
GOLDEN_MEAN = 3.4542308


def small() -> X3d:
    stages = (X3dStage(blocks, *widths) for blocks, (_, *widths) in zip((1, 1, 2, 2), STAGES, strict=True))
    return X3d(4, tuple(stages), feature_dim=64)


def checkpoint(filled: Callable[..., Any]) -> dict[str, Any]:
    shapes = {name: tuple(tensor.shape) for name, tensor in small().state_dict().items()}
    return filled({name: shape for name, shape in shapes.items() if "num_batches" not in name})


def test_golden_numbers(tmp_path: Path, filled: Callable[..., Any], images: Callable[..., Any]) -> None:
    path, network = tmp_path / "x3d.pyth", small()
    head = filled({"blocks.5.proj.weight": (400, 64), "blocks.5.proj.bias": (400,)})
    torch.save({"epoch": 1, "model_state": checkpoint(filled) | head}, path)
    load_video_checkpoint(network, path, X3D.layouts, X3D.wrappers)
    with torch.inference_mode():
        features = network.eval()(images(8, 32))
    assert features.shape == (2, 64)
    for place, value in GOLDEN.items():
        assert features[0, place] == pytest.approx(value, rel=1e-4)
    assert features.mean().item() == pytest.approx(GOLDEN_MEAN, rel=1e-5)
