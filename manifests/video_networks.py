"""The released video networks, `video_networks.toml`: how each was trained, what it sees, and under which licence.

The project cannot download them. The networks themselves are in `extract.networks.video`.
"""

import functools
import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

VIDEO_NETWORKS = Path(__file__).with_name("video_networks.toml")
USUAL_FRAMES = 8  # of a segment, where a network has no number of its own
Channels = tuple[float, float, float]


class VideoNetwork(BaseModel):
    """One network, with the values of its release.

    Attributes:
        name: of the backbone, as `x3d:m`.
        frames: F, the frames of a segment.
        stride: how many frames lie between two of them in training, and one.
        frame_rate: frames a second of the videos of the training.
        resize: the length of a frame's short side.
        crop: the side of the central square that the network sees.
        mean: for each channel, of values in 0…1.
        std: for each channel.
        trained_on: the data sets of the training.
        licence: of the weights.
        weights: what has to be fetched.
        source: where these values are from.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9_]+:[a-z0-9_]+$")
    frames: int = Field(ge=1)
    stride: int = Field(ge=1)
    frame_rate: float = Field(gt=0)
    resize: int
    crop: int
    mean: Channels
    std: Channels
    trained_on: str
    licence: str
    weights: str
    source: str

    @property
    def seconds(self) -> float:
        """How long a segment lasts if its frames have the stride of the training."""
        return self.frames * self.stride / self.frame_rate

    def as_settings(self) -> dict[str, object]:
        """Return how the network was trained, fit for JSON."""
        return self.model_dump(include={"frames", "stride", "frame_rate", "trained_on"})


@functools.cache
def read_video_networks() -> dict[str, VideoNetwork]:
    """Return every network by the name of its backbone, in the order of `video_networks.toml`."""
    tables = tomllib.loads(VIDEO_NETWORKS.read_text(encoding="utf-8"))
    return {
        f"{family}:{size}": VideoNetwork.model_validate({"name": f"{family}:{size}", **common, **table})
        for family, group in tables.items()
        for common in [{key: value for key, value in group.items() if not isinstance(value, dict)}]
        for size, table in group.items()
        if isinstance(table, dict)
    }


def own_frames(backbone: str) -> int:
    """Return the frames of a segment that a backbone was trained with, or else the usual number."""
    network = read_video_networks().get(backbone)
    return USUAL_FRAMES if network is None else network.frames
