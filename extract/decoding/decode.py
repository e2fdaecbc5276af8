"""The frames of a clip's segments: each file is decoded once, in order. Nothing here loads torch: workers start fast.

Which frames are wanted depends on the number of frames, and the headers of containers are often wrong about it. So
the packets are counted first, which needs no decoding. Then the file is decoded in order, and the frames that the
count asks for are kept. If the count was wrong, the file is decoded again with the true number. The decoders never
seek: readers that seek return wrong frames of some files.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from extract.clip import Clip, DecodeError
from extract.decoding.decoders import DECODERS, Frames
from extract.decoding.frame_count import FrameCount, is_interlaced, refuse_cut
from extract.decoding.frame_folder import count_frames, read_frames
from extract.decoding.resize_frame import FrameResizer
from extract.networks.geometry import Geometry
from extract.segments import frame_indices

# Which frames a video has and how they are shown. A changed rule needs a changed text: caches are told apart by it.
FRAMES_RULE = "shown frames of FFmpeg's best stream; upright by the display matrix; rgb24 as ffmpeg makes it"


def decode_clip(
    path: Path,
    num_segments: int,
    frames_per_segment: int,
    decoder: str = "pyav",
    expected: int = 0,
    alive: Callable[[], None] = lambda: None,
    geometry: Geometry | None = None,
) -> Clip:
    """Decode the frames of a clip's segments.

    Args:
        path: the video file, or a folder with its frames as images.
        num_segments: N.
        frames_per_segment: F.
        decoder: a name of `DECODERS`.
        expected: the number of frames in the manifest; 0: unknown.
        alive: is called at every packet that is counted and at every frame that is decoded.
        geometry: the size that the frames get; None: their own.

    Raises:
        DecodeError: the file is no video, is damaged or cut, has no frames, or its frames change their size.
    """
    count, read = (count_frames, read_frames) if path.is_dir() else (DECODERS[decoder].count, DECODERS[decoder].read)
    resizer = FrameResizer(geometry) if geometry else None
    counted = FrameCount(0, 0)
    for count_so_far in count(path):
        counted = count_so_far
        alive()
    indices = frame_indices(max(counted.packets, 1), num_segments, frames_per_segment)
    kept, num_frames = _keep(read(path), indices, alive, resizer)
    if num_frames == 0:
        raise DecodeError("no frame in it can be decoded")
    declared = counted.declared
    if num_frames < declared and is_interlaced(path):
        declared = (declared + 1) // 2
    refuse_cut(num_frames, declared, "its header declares")
    refuse_cut(num_frames, expected, "the manifest gives")
    if num_frames != counted.packets:
        indices = frame_indices(num_frames, num_segments, frames_per_segment)
        if not kept.keys() >= set(indices.flat):
            kept, _ = _keep(read(path), indices, alive, resizer)
    wanted, positions = np.unique(indices, return_inverse=True)
    frames = np.stack([kept[index] for index in wanted.tolist()])
    return Clip(frames, positions.reshape(indices.shape).astype(np.int64), num_frames, resized=geometry is not None)


def _keep(
    frames: Frames, indices: NDArray[np.int64], alive: Callable[[], None], resize: FrameResizer | None
) -> tuple[dict[int, NDArray[np.uint8]], int]:
    """Return the frames with these indices, by index, and the number of all frames."""
    wanted = set(indices.flat)
    kept: dict[int, NDArray[np.uint8]] = {}
    sizes = set()
    count = 0
    for convert in frames:
        if count in wanted:
            frame = convert()
            sizes.add(frame.shape)
            kept[count] = frame if resize is None else resize(frame)
        count += 1
        alive()
    if len(sizes) > 1:
        raise DecodeError(f"the picture changes its size within the file: {sorted(sizes)}")
    return kept, count
