"""VideoMAE and V-JEPA 2: the features of transformers' networks with the same weights, by golden numbers."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from common.errors import UserError
from extract.backbones import load_backbone
from extract.backbones.v_jepa2 import V_JEPA2, V_JEPA2_1
from extract.backbones.video_transformer import VideoTransformerEntry
from extract.backbones.videomae import VIDEOMAE, hub_name
from extract.networks.video.checkpoint import VideoLayout, load_video_checkpoint
from extract.networks.video.transformer import TransformerShape, VideoTransformer
from manifests.recipes.extraction import Extract

pytestmark = pytest.mark.usefixtures("one_thread")

Filled = Callable[[dict[str, tuple[int, ...]]], dict[str, Tensor]]

# transformers 5.24.0 with the weights and images of conftest.py. VideoMAEForVideoClassification: what the classifier
# gets, with the epsilon 1e-6 of the training in every norm; its default values differ by 2e-5. VJEPA2Model: the mean of
# the encoder's tokens.
CASES = {
    "videomae": (VIDEOMAE, TransformerShape(24, 2, 2, 40), 32),
    "v_jepa2": (V_JEPA2, TransformerShape(40, 2, 2, 60), 48),
    "v_jepa2_1": (V_JEPA2_1, TransformerShape(40, 2, 2, 60), 48),
}
GOLDEN = {
    "videomae": ([-1.4238490, -0.4722587, -0.5883204, 0.8734762], 0.8381543),
    "v_jepa2": ([-0.1242641, 0.5797886, -1.2288908, 2.1013994], 0.8424546),
}


def network_of(case: str) -> VideoTransformer:
    entry, shape, side = CASES[case]
    return VideoTransformer(shape, 4, side, entry.positions)


def tensors_of(case: str, filled: Filled) -> dict[str, Tensor]:
    """The weights by their keys in the network; each is made by formula from its name in the first layout."""
    name = CASES[case][0].layouts[0].names
    state = network_of(case).state_dict()
    made = filled({name(key): tuple(tensor.shape) for key, tensor in state.items()})
    return {key: made[name(key)] for key in state}


def in_layout(layout: VideoLayout, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The file of a layout: the parts of query, key and value are one tensor there."""
    parts: dict[str, list[Tensor]] = {}
    for name, tensor in sorted((layout.names(key), tensor) for key, tensor in tensors.items()):
        parts.setdefault(name.partition("/")[0], []).append(tensor)
    return {name: torch.cat(tensors) for name, tensors in parts.items()}


@pytest.mark.parametrize("case", GOLDEN)
def test_golden_numbers(case: str, tmp_path: Path, filled: Filled, images: Callable[..., Tensor]) -> None:
    entry, _, side = CASES[case]
    network, path = network_of(case), tmp_path / "model.safetensors"
    left = {"classifier.weight": torch.ones(5)}
    save_file(in_layout(entry.layouts[0], tensors_of(case, filled)) | left, path)
    load_video_checkpoint(network, path, entry.layouts, entry.wrappers)
    with torch.inference_mode():
        features = network(images(8, side))
    values, mean = GOLDEN[case]
    assert features[0, :4].tolist() == pytest.approx(values, abs=1e-5)
    assert features.abs().mean().item() == pytest.approx(mean, rel=1e-5)


@pytest.mark.parametrize(
    ("case", "number", "prefix", "left"),
    [
        ("videomae", 1, "", ["classifier.bias"]),
        ("videomae", 2, "", ["head.weight"]),
        ("v_jepa2", 0, "vjepa2.", ["vjepa2.predictor.proj.weight", "pooler.query_tokens", "classifier.weight"]),
        ("v_jepa2", 1, "module.backbone.", ["module.backbone.pos_embed"]),
        (
            "v_jepa2_1",
            0,
            "module.backbone.",
            ["module.backbone.norms_block.0.bias", "module.backbone.patch_embed_img.proj.bias"],
        ),
    ],
)
def test_every_layout_gives_the_same_weights(
    case: str, number: int, prefix: str, left: list[str], tmp_path: Path, filled: Filled
) -> None:
    entry: VideoTransformerEntry = CASES[case][0]
    tensors = tensors_of(case, filled)
    found = {f"{prefix}{name}": each for name, each in in_layout(entry.layouts[number], tensors).items()}
    path, network = tmp_path / "own.pt", network_of(case)
    torch.save({entry.wrappers[0]: found | {name: torch.ones(2) for name in left}, "epoch": 3}, path)
    assert load_video_checkpoint(network, path, entry.layouts, entry.wrappers) is entry.layouts[number]
    assert all(torch.equal(tensor, tensors[key]) for key, tensor in network.state_dict().items())


def test_lost_biases_of_videomae_are_seen(tmp_path: Path, filled: Filled) -> None:
    """What a program saves that does not know `q_bias`: it begins with zeros and keeps them."""
    tensors = {hub_name(key): tensor for key, tensor in tensors_of("videomae", filled).items()}
    lost = {name: 0 * each if name.endswith("query.bias") else each for name, each in tensors.items()}
    save_file(lost, tmp_path / "model.safetensors")
    with pytest.raises(UserError, match=r"the biases blocks.N.query.bias are zero in every block"):
        load_video_checkpoint(
            network_of("videomae"), tmp_path / "model.safetensors", VIDEOMAE.layouts, VIDEOMAE.wrappers
        )


def test_the_angles_of_v_jepa_2_1_are_those_of_pairs() -> None:
    """A head of 20 channels: 6 of each axis, 2 that are not turned; rows and columns are scaled to a grid of 16."""
    network = network_of("v_jepa2_1")
    tokens, head = network.cosine.shape
    assert (tokens, head) == (2 * 3 * 3, 20)
    time, row, column = 1, 2, 1
    angles = []
    for place in (time, row * 15 / 2, column * 15 / 2):
        angles += [place / 10000 ** (pair / 3) for pair in range(3) for _ in range(2)]
    expected = torch.tensor([*angles, 0.0, 0.0], dtype=torch.float64).sin().float()
    assert torch.allclose(network.sine[time * 9 + row * 3 + column], expected, atol=1e-6)


@pytest.mark.parametrize(("frames", "side"), [(3, 64), (4, 40), (4, 16)])
def test_what_has_no_patches_is_refused(frames: int, side: int) -> None:
    with pytest.raises(UserError, match=f"not {frames} frames of {side} x {side}"):
        entry = Extract(backbone="videomae:small", weights="random", frames_per_segment=frames)
        VIDEOMAE.build("small", entry, side)


def test_the_config_beside_a_file_is_compared(tmp_path: Path, filled: Filled) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text('{"hidden_size": 384, "num_attention_heads": 12}')
    with pytest.raises(UserError, match="num_attention_heads: 12 there, 6 here"):
        load_backbone(Extract(backbone="videomae:small", weights=str(tmp_path), image_size=32))
