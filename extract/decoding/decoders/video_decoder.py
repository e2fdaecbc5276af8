"""The entry of a video decoder: how it counts and reads frames, and what `doctor`, `bench` and the settings need."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from extract.decoding.frame_count import FrameCounts
from manifests.pieces import Piece

# The frames of a file from the first to the last. A frame is converted to RGB, (H, W, 3), when its function is called.
Frames = Iterator[Callable[[], NDArray[np.uint8]]]
PieceFrames = Iterator[Callable[[], NDArray[np.uint8]] | None]  # None: a frame before the piece


@dataclass(frozen=True)
class VideoDecoder:
    """A decoder that `--decoder` can choose.

    Attributes:
        count: counts the frames of a file before they are read. It raises DecodeError for a file that is no video, is
            cut, or would be decoded wrongly.
        read: yields the frames of a file in order. It never seeks.
        read_piece: yields the frames of a piece of a file; None: the decoder does not know the times of frames.
        package: the distribution whose version the settings of a cache contain.
        recorded_as: what the settings of a cache call this decoder.
        module: the module of an optional package, which `doctor` tries to import; None: it is always installed.
        on_gpu: it needs a GPU. `doctor` then compares its pixels with PyAV's in a decode worker.
        trusted: the tests prove it exact on every machine, so a run starts without asking `doctor`.
        example_codec: the codec of the clips that `bench` makes for it.
    """

    count: Callable[[Path], FrameCounts]
    read: Callable[[Path], Frames]
    package: str
    recorded_as: str
    read_piece: Callable[[Path, Piece], PieceFrames] | None = None
    module: str | None = None
    on_gpu: bool = False
    trusted: bool = False
    example_codec: Literal["mpeg4", "libx264"] = "mpeg4"
