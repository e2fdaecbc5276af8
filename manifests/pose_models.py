"""The list of pose models, `pose_models.toml`: the files of each in an npm package, and their hashes.

`extract.poses.packages` brings the files.
"""

import functools
import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

MODELS = Path(__file__).with_name("pose_models.toml")
PACKAGE = "@mediapipe/pose@0.5.1675469404"
LICENCE = "Apache-2.0"


class PackagedFile(BaseModel):
    """A file in the package: its name there, and its name on this machine."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str = Field(pattern=r"^[\w.-]+\.tflite$")
    member: str = Field(pattern=r"^package/[\w.-]+$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: int = Field(ge=1)


# The package's file of "packed assets" has one asset, from its first byte to its last: the detector's TFLite file.
DETECTOR = PackagedFile(
    file="blazepose_detector.tflite",
    member="package/pose_solution_packed_assets.data",
    sha256="a63c614bef30d35947f13be361820b1e4e3bec9cfeebf4d11216a18373108e85",
    bytes=2962288,
)


@functools.cache
def read_pose_models() -> dict[str, PackagedFile]:
    """Return the landmark network of each model by the model's name, in the order of `pose_models.toml`."""
    tables = tomllib.loads(MODELS.read_text(encoding="utf-8"))
    return {name: PackagedFile.model_validate(table) for name, table in tables.items()}
