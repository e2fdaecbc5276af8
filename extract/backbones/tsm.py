"""TSM, a ResNet-50 or MobileNetV2 whose channels shift along time, and TSN, the same ResNet-50 without the shift.

Lin, Gan & Han, TSM: Temporal Shift Module for Efficient Video Understanding, ICCV 2019.
"""

from extract.backbones.frame_network import FrameNetwork
from extract.networks.preprocess import Preprocess

# mit-han-lab/temporal-shift-module, ops/transforms.py and test_models.py; MMAction2 has the same values times 255
PREPROCESS = Preprocess(256, 224, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), "bilinear")

TSM_RESNET50 = FrameNetwork(
    title="TSM on ResNet-50",
    default_weights="tsm-r50-8f-kinetics400",
    timm_name="resnet50",
    preprocess=PREPROCESS,
    layouts=("official", "mmaction2", "timm"),
    shift=True,
)
TSM_RESNET50_NL = FrameNetwork(
    title="TSM on ResNet-50 with non-local blocks",
    timm_name="resnet50",
    preprocess=PREPROCESS,
    layouts=("official",),
    shift=True,
    non_local=True,
)
TSM_MOBILENETV2 = FrameNetwork(
    title="TSM on MobileNetV2",
    timm_name="mobilenetv2_100",
    preprocess=PREPROCESS,
    layouts=("official", "mmaction2", "timm"),
    shift=True,
)
TSN_RESNET50 = FrameNetwork(
    title="TSN on ResNet-50: TSM without the shift",
    timm_name="resnet50",
    preprocess=PREPROCESS,
    layouts=("official", "mmaction2", "timm"),
)
