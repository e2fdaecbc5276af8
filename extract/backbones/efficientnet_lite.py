"""EfficientNet-Lite0, trained on single images (ImageNet): a small backbone that is fast on a CPU."""

from extract.backbones.frame_network import FrameNetwork
from extract.networks.package_weights import PACKAGE
from extract.networks.preprocess import Preprocess

# EfficientNet-Lite was trained with (x - 127) / 128 (tensorflow/tpu, efficientnet/lite). timm's values, 0.5 and 0.5,
# differ from that by less than a grey level; these are the exact ones.
PREPROCESS = Preprocess(256, 224, (127 / 255,) * 3, (128 / 255,) * 3, "bicubic")

EFFICIENTNET_LITE0 = FrameNetwork(
    title="EfficientNet-Lite0, trained on ImageNet",
    default_weights=PACKAGE,
    timm_name="tf_efficientnet_lite0",
    preprocess=PREPROCESS,
    layouts=("efficientnet-lite", "timm"),
)
