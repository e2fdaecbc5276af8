"""VideoMAE, fine-tuned on Kinetics-400 (Tong et al., NeurIPS 2022)."""

import re

from extract.backbones.video_transformer import VideoTransformerEntry
from extract.networks.video.checkpoint import VideoLayout
from extract.networks.video.transformer import TransformerShape

SHAPES = {
    "small": TransformerShape(384, 12, 6, 1536),
    "base": TransformerShape(768, 12, 12, 3072),
    "large": TransformerShape(1024, 24, 16, 4096),
    "huge": TransformerShape(1280, 32, 16, 5120),
}
HUB_PARTS = {
    "norm1": "layernorm_before",
    "norm2": "layernorm_after",
    "query": "attention.attention.query",
    "key": "attention.attention.key",
    "value": "attention.attention.value",
    "proj": "attention.output.dense",
    "fc1": "intermediate.dense",
    "fc2": "output.dense",
}
FUSED = ("query", "key", "value")


def hub_name(key: str) -> str:
    """Return the name in files of transformers 5; the released ones have `q_bias` and `v_bias`, see `released_name`."""
    if found := re.fullmatch(r"blocks\.(\d+)\.(\w+)\.(\w+)", key):
        return f"videomae.encoder.layer.{found[1]}.{HUB_PARTS[found[2]]}.{found[3]}"
    return key.replace("patch.", "videomae.embeddings.patch_embeddings.projection.").replace("norm.", "fc_norm.")


def released_name(key: str) -> str:
    """Return the name in the released files of transformers."""
    return hub_name(key).replace("query.bias", "q_bias").replace("value.bias", "v_bias")


def official_name(key: str) -> str:
    """Return the name in the authors' files."""
    if found := re.fullmatch(r"(blocks\.\d+)\.(\w+)\.(\w+)", key):
        block, part, leaf = found.groups()
        if part in FUSED:
            return f"{block}.attn.{part[0]}_bias" if leaf == "bias" else f"{block}.attn.qkv.weight/{FUSED.index(part)}"
        inner = {"proj": "attn.", "fc1": "mlp.", "fc2": "mlp."}.get(part, "")
        return f"{block}.{inner}{part}.{leaf}"
    return key.replace("patch.", "patch_embed.proj.").replace("norm.", "fc_norm.")


CLASSIFIER = r"(classifier|head)\.(weight|bias)"
LAYOUTS = (
    VideoLayout("transformers", "videomae.encoder.layer.0.attention.attention.q_bias", released_name, CLASSIFIER),
    VideoLayout("transformers 5", "videomae.encoder.layer.0.attention.attention.query.bias", hub_name, CLASSIFIER),
    VideoLayout("the authors", "blocks.0.attn.q_bias", official_name, CLASSIFIER, fused=("attn.qkv.weight",)),
)

VIDEOMAE = VideoTransformerEntry(
    title="VideoMAE, fine-tuned on Kinetics-400",
    layouts=LAYOUTS,
    wrappers=("module", "model"),
    shapes=SHAPES,
    positions="added",
)
