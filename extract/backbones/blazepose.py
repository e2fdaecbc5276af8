"""The skeletons of persons in ordinary videos, by BlazePose, as features: `blazepose:lite`, `:full` and `:heavy`.

The decode workers make the joints of every frame. A segment's features are the statistics of these joints, as
`joint_statistics` has them for skeleton files.
"""

from dataclasses import dataclass
from pathlib import Path

from torch import nn

from common.errors import UserError
from extract.backbones.entry import BackboneEntry
from extract.backbones.joint_statistics import ORIGIN, draw_statistics
from extract.networks.backbone import Backbone
from extract.openvino_core import openvino_version
from extract.poses.folder import PoseConfig, PoseMachine, pose_record, pose_settings
from extract.poses.landmarks import JOINTS
from manifests.pose_models import LICENCE, read_pose_models
from manifests.recipes.extraction import Extract

PREFIX = "blazepose:"
WEIGHTS = "mediapipe"


@dataclass(frozen=True, kw_only=True)
class BlazePoseEntry(BackboneEntry):
    """The family of the pose models: statistics of the 33 joints of the person whom the model follows; D = 297.

    The joints are in metres, in world coordinates; see `extract.poses`. A segment in which nobody is seen has the last
    joints before it, and zeros if nobody has been seen yet.
    """

    def load(self, config: Extract, weights_folder: Path | None, seed: int) -> Backbone:
        """Return the backbone of the model that stands after the colon.

        Raises:
            UserError: the weights have another name, or as `extract.poses.folder.pose_settings`.
        """
        if config.weights != WEIGHTS:
            raise UserError(f"the weights of {config.backbone} are called {WEIGHTS!r}, not {config.weights!r}")
        poses = PoseConfig(model=config.backbone.removeprefix(PREFIX), persons=1, coordinates="world")
        files = pose_settings(poses, PoseMachine(weights_folder=weights_folder))
        settings: dict[str, object] = {
            "backbone": config.backbone,
            "weights": WEIGHTS,
            "licence": LICENCE,
            "poses": pose_record(poses),
            "openvino": openvino_version(),
            "origin": ORIGIN,
        }
        return Backbone(nn.Identity(), draw_statistics, settings, input="skeleton", joints=JOINTS, poses=files)

    def names(self, key: str) -> list[str]:
        """Return the name of each model."""
        return [name.replace("-", ":") for name in read_pose_models()]


def refuse_poses(config: Extract, reason: str) -> None:
    """Refuse a pose model, before its files are looked for.

    Raises:
        UserError: the backbone is one, with the reason.
    """
    if config.backbone.startswith(PREFIX):
        raise UserError(f"{config.backbone} cannot be measured: {reason}")


BLAZEPOSE = BlazePoseEntry(
    title="statistics of the joints that BlazePose finds in videos", input="video", default_weights=WEIGHTS
)
