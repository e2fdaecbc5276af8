"""TSM, a ResNet-50 or MobileNetV2 whose channels shift along time, and TSN, the same ResNet-50 without the shift.

Lin, Gan & Han, TSM: Temporal Shift Module for Efficient Video Understanding, ICCV 2019. The networks with `online` in
their names have the one-way shift: the frames of a segment can be computed one by one as they arrive. They need weights
of their own, because the channels that the usual TSM takes from the next frame come from the previous frame there. So
the layouts of the usual TSM are not read.
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
    shift="both",
)
TSM_RESNET50_NL = FrameNetwork(
    title="TSM on ResNet-50 with non-local blocks",
    timm_name="resnet50",
    preprocess=PREPROCESS,
    layouts=("official",),
    shift="both",
    non_local=True,
)
TSM_MOBILENETV2 = FrameNetwork(
    title="TSM on MobileNetV2",
    timm_name="mobilenetv2_100",
    preprocess=PREPROCESS,
    layouts=("official", "mmaction2", "timm"),
    shift="both",
)
TSM_RESNET50_ONLINE = FrameNetwork(
    title="online TSM on ResNet-50: the shift from the previous frame only",
    timm_name="resnet50",
    preprocess=PREPROCESS,
    layouts=("timm",),
    shift="previous",
)
TSM_MOBILENETV2_ONLINE = FrameNetwork(
    title="online TSM on MobileNetV2: the shift from the previous frame only",
    timm_name="mobilenetv2_100",
    preprocess=PREPROCESS,
    layouts=("online-demo", "timm"),
    shift="previous",
)
TSN_RESNET50 = FrameNetwork(
    title="TSN on ResNet-50: TSM without the shift",
    timm_name="resnet50",
    preprocess=PREPROCESS,
    layouts=("official", "mmaction2", "timm"),
)
