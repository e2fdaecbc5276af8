"""The sections of a recipe that say how clips become features: `[extract]`, `[streams.*]`, and a VA-CNN's training."""

from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from common.config import Config
from manifests.video_networks import own_frames

MOST_PIXELS, MOST_FRAMES, MOST_SECONDS = 8192, 10_000, 3600.0  # a larger value is a typing error
AUTO: Final = "auto"  # a value that is chosen when the recipe is run
TRAIN = "train"  # as weights: train the network first

Frames = Annotated[int, Field(ge=1, le=MOST_FRAMES)] | Literal["auto"]
Pictures = Literal["segment", "beginning", "both"]


def is_none(value: object) -> bool:
    """Tell whether a key is left out. It is not written then, so records of recipes without it stay as they were."""
    return value is None


class VaCnn(Config):
    """How a VA-CNN is trained on the training split (Zhang et al., TPAMI 2019, and Microsoft's `va-cnn.py`)."""

    network: str = "resnet50"  # the main network: any timm model
    image_size: int = Field(default=224, ge=40, le=MOST_PIXELS)  # side of a segment's picture
    initial_weights: str = "scratch"  # of the main network: "scratch", "timm-package", or a file of ImageNet weights
    learning_rate: float = Field(default=1e-4, gt=0)  # Adam
    batch_size: int = Field(default=32, ge=2, le=10**6)  # pictures
    epochs: int = Field(default=100, ge=1, le=10**6)  # at most
    samples_per_clip: int = Field(default=4, ge=1, le=10**4)  # pictures of each clip in an epoch
    rotation: float = Field(default=0.3, ge=0)  # radians; largest random rotation of a skeleton about each axis
    plateau: int = Field(default=5, ge=1)  # epochs without gain on validation before the rate is divided by 10
    cooldown: int = Field(default=3, ge=0)  # epochs after that which do not count for the next time
    patience: int = Field(default=15, ge=1)  # epochs without gain before the training ends
    seed: int = Field(default=0, ge=0, lt=2**63)  # of the weights and of everything drawn
    legacy_sequence_stretch: bool = False  # minimum and maximum of each clip, as the released code; sees the future
    legacy_sequence_actors: bool = (
        False  # actors by the motion in the whole clip, as the released code; sees the future
    )


class Extract(Config):
    """How a clip becomes segment features (paper, section 3.1: N = 10 segments)."""

    backbone: str = Field(
        default=AUTO,
        description='videos: a network; skeletons: "va_cnn", or without a network "joints", "joint_statistics" or '
        '"two_person_statistics"; "auto": the best one that needs no download, chosen at the first run',
    )
    weights: str = Field(
        default=AUTO,
        description='a name in weights.toml, a file, "timm-package", "random", "none", or "train" (see va_cnn); '
        'left out only with backbone = "auto"',
    )
    column: str = Field(default="path", min_length=1)  # the manifest's column of the files: path or path_SOMETHING
    segments: int = Field(
        default=10,
        ge=1,
        le=MOST_FRAMES,
        description="N, the equal parts of a clip; the paper's value. With segment_seconds: the most that a clip has",
    )
    segment_seconds: float | None = Field(
        default=None,
        gt=0,
        le=MOST_SECONDS,
        exclude_if=is_none,
        description="a segment lasts so long, from the beginning of the recording, and longer clips have more of "
        "them; for live streams, whose length nobody knows. Left out: every clip has N segments, whatever its length",
    )
    frame_rate: float | None = Field(
        default=None,
        gt=0,
        le=MOST_FRAMES,
        exclude_if=is_none,
        description="frames a second of skeleton files and of folders of images, which do not say it; needed for these "
        "with segment_seconds. Video files have their own",
    )
    frames_per_segment: Frames = Field(
        default_factory=lambda known: own_frames(known.get("backbone", AUTO)),
        description='F. Left out: what a network of whole segments was trained with, else 8. "joints" resamples to it; '
        'va_cnn ignores it; "auto": by the clips',
    )
    pictures: Pictures = "segment"  # va_cnn sees each segment alone, the clip up to its end, or both
    image_size: int | None = Field(default=None, ge=32, le=MOST_PIXELS)  # side of the network's input; None: its own
    precision: Literal["fp32", "bf16", "fp16", "auto"] = Field(
        default="fp32",
        description='of the network; skeletons stay fp32 until it; "auto": a faster one whose features agree with fp32 '
        "to a cosine of 0.999 on the first clips, chosen at the first run",
    )
    va_cnn: VaCnn | None = None  # with weights = "train": how they are trained; None: the defaults

    @property
    def frames(self) -> int:
        """The number of frames of a segment, F. `evaluate.pipeline` has replaced "auto" by a number before."""
        assert isinstance(self.frames_per_segment, int)
        return self.frames_per_segment

    @model_validator(mode="after")
    def _weights_are_of_a_backbone(self) -> "Extract":
        if AUTO in (self.backbone, self.weights) and self.backbone != self.weights:
            raise ValueError(
                f"weights = {self.weights!r} does not go with backbone = {self.backbone!r}; name both or neither"
            )
        return self

    @model_validator(mode="after")
    def _segments_of_fixed_length(self) -> "Extract":
        if self.frame_rate is not None and self.segment_seconds is None:
            raise ValueError("frame_rate is for segment_seconds, which is left out; leave both out or neither")
        if self.segment_seconds is not None and self.backbone == "va_cnn":
            raise ValueError("segment_seconds does not go with backbone = 'va_cnn', which is trained on parts of clips")
        return self

    @model_validator(mode="after")
    def _some_keys_are_of_va_cnn(self) -> "Extract":
        if self.weights == TRAIN and self.backbone != "va_cnn":
            raise ValueError(f"weights = {TRAIN!r} is for backbone = 'va_cnn'; {self.backbone!r} is not trained here")
        if self.va_cnn is not None and self.weights != TRAIN:
            raise ValueError(
                f"[va_cnn] configures a training, and weights = {self.weights!r} trains nothing; leave one out"
            )
        if self.weights == TRAIN and self.image_size is not None:
            raise ValueError("image_size of a VA-CNN that is trained belongs to its [va_cnn] section")
        if self.pictures != "segment" and self.backbone != "va_cnn":
            raise ValueError(f"pictures = {self.pictures!r} is for backbone = 'va_cnn'; {self.backbone!r} draws none")
        return self
