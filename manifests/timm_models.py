"""Image models of timm to begin with, and the licences of their weights.

They are small models of different kinds, chosen by licence and GFLOP alone: the free ones first. The licences are those
that timm states in its list of models. They are written down here because importing timm takes seconds.
"""

RECOMMENDED = {
    "mobilenetv4_conv_medium.e500_r256_in1k": "apache-2.0",
    "convnext_tiny.in12k_ft_in1k": "apache-2.0",
    "vit_small_patch14_dinov2.lvd142m": "apache-2.0",
    "convnextv2_nano.fcmae_ft_in22k_in1k": "cc-by-nc-4.0",
    "hiera_tiny_224.mae_in1k_ft_in1k": "cc-by-nc-4.0",
    "fastvit_mci0.apple_mclip2_dfndr2b": "apple-amlr",  # the network for images of MobileCLIP2-S0
    "vit_small_patch16_dinov3.lvd1689m": "dinov3-license",
}
FREE = frozenset({"apache-2.0", "mit", "bsd-3-clause"})  # licences that allow every use, as timm calls them


def file_to_fetch(name: str) -> str:
    """Return which file has the weights of a model, in words."""
    return f"model.safetensors of timm/{name} on the Hugging Face Hub"
