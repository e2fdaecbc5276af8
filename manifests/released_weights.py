"""The list of released weights, `weights.toml`: file, address, backbone and hash of each.

`extract.networks.weights` downloads and reads the files.
"""

import functools
import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

WEIGHTS = Path(__file__).with_name("weights.toml")
LICENCES = {"official": "MIT", "mmaction2": "Apache-2.0"}  # those of the repositories that released the files


class WeightsFile(BaseModel):
    """One released file.

    `verified` means that the whole address was read in a public repository, and not that a server answered. `backbone`
    is None for files that this program does not read; `note` then has the reason.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9-]+$")
    file: str = Field(pattern=r"^[\w.-]+\.pth$")
    url: str = Field(pattern=r"^https?://")
    backbone: Literal["tsm_resnet50", "tsm_resnet50_nl", "tsm_mobilenetv2", "tsn_resnet50"] | None = None
    layout: Literal["official", "mmaction2"]
    frames: int = Field(ge=1)  # per clip in training
    sampling: Literal["uniform", "dense"]
    kinetics_top1: float | None = None  # per cent, as published; one crop or several: see `source`
    sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")
    sha256_prefix: str | None = Field(None, pattern=r"^[0-9a-f]{8}$")
    verified: bool
    source: str
    note: str = ""

    @property
    def licence(self) -> str:
        """The licence of the repository that released the file."""
        return LICENCES[self.layout]


@functools.cache
def read_weights() -> dict[str, WeightsFile]:
    """Return every released file by its short name, in the order of `weights.toml`."""
    tables = tomllib.loads(WEIGHTS.read_text(encoding="utf-8"))
    return {name: WeightsFile.model_validate({"name": name, **table}) for name, table in tables.items()}
