"""The options that decide the features: the same for `plan` and `run`, and weights that belong to the backbone."""

import inspect

import pytest

from common.errors import UserError
from extract.commands.options import FEATURE_OPTIONS, feature_config
from extract.commands.run import plan, run


@pytest.mark.parametrize("command", [plan, run])
def test_both_commands_have_them(command: object) -> None:
    options = inspect.signature(command).parameters  # type: ignore[arg-type]
    assert list(options)[list(options).index("backbone") :][: len(FEATURE_OPTIONS)] == list(FEATURE_OPTIONS)
    assert options["segments"].default == 10 and options["frames_per_segment"].default is None
    assert list(options).index("pictures") + 1 == list(options).index("decoder")


@pytest.mark.parametrize(
    ("backbone", "weights"),
    [("tsm_resnet50", "tsm-r50-8f-kinetics400"), ("efficientnet_lite0", "timm-package"), ("joints", "none")],
)
def test_weights_belong_to_the_backbone_unless_they_are_given(backbone: str, weights: str) -> None:
    assert feature_config(backbone=backbone, weights=None).weights == weights
    assert feature_config(backbone=backbone, weights="own.pth").weights == "own.pth"


def test_a_backbone_without_weights_of_its_own() -> None:
    with pytest.raises(UserError, match=r"timm:resnet18 has no weights of its own: .*--weights.*weights list"):
        feature_config(backbone="timm:resnet18", weights=None)
    with pytest.raises(UserError, match="there is no backbone efficientnet_lit0; near are efficientnet_lite0"):
        feature_config(backbone="efficientnet_lit0", weights=None)


def test_segments_of_a_fixed_time_have_their_frame_rate() -> None:
    timed = feature_config(backbone="joints", weights=None, segment_seconds=0.25, frame_rate=30.0, segments=20)
    assert (timed.segment_seconds, timed.frame_rate, timed.segments) == (0.25, 30, 20)
    with pytest.raises(UserError, match="options: frame_rate is for segment_seconds, which is left out"):
        feature_config(backbone="joints", weights=None, segment_seconds=None, frame_rate=30.0)
    with pytest.raises(UserError, match="options: segment_seconds: .*greater than 0"):
        feature_config(backbone="joints", weights=None, segment_seconds=0.0)
    equal = feature_config(backbone="joints", weights=None, segment_seconds=None, frame_rate=None)
    assert not {"segment_seconds", "frame_rate"} & equal.model_dump().keys()
