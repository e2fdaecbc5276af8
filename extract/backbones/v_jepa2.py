"""V-JEPA 2 and 2.1, trained on videos without labels (Assran et al., arXiv 2506.09985; Mur-Labadia et al., 2603.14482).

The feature is the mean of the encoder's tokens. The predictor, the classifiers and the norms of other layers are left.
"""

import re

from extract.backbones.video_transformer import VideoTransformerEntry
from extract.networks.video.checkpoint import VideoLayout
from extract.networks.video.transformer import TransformerShape

BASE = TransformerShape(768, 12, 12, 3072)
LARGE = TransformerShape(1024, 24, 16, 4096)
HUGE = TransformerShape(1280, 32, 16, 5120)
GIANT = TransformerShape(1408, 40, 22, 6144)
GIGANTIC = TransformerShape(1664, 48, 26, 8192)
FUSED = ("query", "key", "value")


def hub_name(key: str) -> str:
    """Return the name in files of transformers."""
    if found := re.fullmatch(r"blocks\.(\d+)\.(\w+)\.(\w+)", key):
        number, part, leaf = found.groups()
        inner = {"fc1": "mlp.", "fc2": "mlp.", "norm1": "", "norm2": ""}.get(part, "attention.")
        return f"encoder.layer.{number}.{inner}{part}.{leaf}"
    patch = key.replace("patch.", "encoder.embeddings.patch_embeddings.proj.")
    return patch.replace("norm.", "encoder.layernorm.")


def official_name(key: str) -> str:
    """Return the name in the authors' files of V-JEPA 2."""
    if found := re.fullmatch(r"(blocks\.\d+)\.(\w+)\.(\w+)", key):
        block, part, leaf = found.groups()
        if part in FUSED:
            return f"{block}.attn.qkv.{leaf}/{FUSED.index(part)}"
        inner = {"proj": "attn.", "fc1": "mlp.", "fc2": "mlp."}.get(part, "")
        return f"{block}.{inner}{part}.{leaf}"
    return key.replace("patch.", "patch_embed.proj.")


def official_name_2_1(key: str) -> str:
    """Return the name in the authors' files of V-JEPA 2.1, which have a norm for each of four layers."""
    name = {"mode": "video_mod_embed"}.get(key, official_name(key))
    return re.sub(r"^norm\.", "norms_block.3.", name)


DIVIDED = ("attn.qkv.weight", "attn.qkv.bias")
WRAPPED = r"(module\.)?(backbone\.)?"
HUB = VideoLayout(
    "transformers",
    "encoder.layernorm.weight",
    hub_name,
    r"(predictor|pooler|classifier)\..*",
    prefix=r"(vjepa2\.)?",
)
OFFICIAL = VideoLayout("the authors", "norm.weight", official_name, "pos_embed", fused=DIVIDED, prefix=WRAPPED)
OFFICIAL_2_1 = VideoLayout(
    "the authors",
    "norms_block.3.weight",
    official_name_2_1,
    r"norms_block\.[0-2]\..*|patch_embed_img\..*|img_mod_embed|pos_embed",
    fused=DIVIDED,
    prefix=WRAPPED,
)

V_JEPA2 = VideoTransformerEntry(
    title="V-JEPA 2, trained on videos without labels",
    layouts=(HUB, OFFICIAL),
    wrappers=("target_encoder",),
    shapes={"large": LARGE, "huge": HUGE, "giant": GIANT, "giant_384": GIANT},
    positions="rotated in halves",
)
V_JEPA2_1 = VideoTransformerEntry(
    title="V-JEPA 2.1, trained on videos without labels",
    layouts=(OFFICIAL_2_1,),
    wrappers=("ema_encoder", "target_encoder"),
    shapes={"base": BASE, "large": LARGE, "giant": GIANT, "gigantic": GIGANTIC},
    positions="rotated in pairs",
)
