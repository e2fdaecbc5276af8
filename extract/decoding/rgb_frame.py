"""One decoded frame as an upright RGB image, with the bits that ffmpeg's command line gives.

FFmpeg's own filters do the work, because the bits depend on the order of turning, chroma upsampling and colour
conversion. For 10-bit 4:2:0 another order differs by up to 100 grey levels at colour edges (measured).
"""

import math
import struct
from fractions import Fraction

import av
import numpy as np
from av.filter import Graph
from av.sidedata.sidedata import SideData
from numpy.typing import NDArray

from extract.clip import DecodeError

Filters = tuple[tuple[str, str], ...]  # the names of FFmpeg's filters, each with its argument


class RgbConverter:
    """Converts the frames of one file to RGB. The filters are built once, and again when the kind of frames changes."""

    def __init__(self) -> None:
        self._key: tuple[object, ...] = ()
        self._graph = Graph()

    def __call__(self, frame: av.VideoFrame) -> NDArray[np.uint8]:
        """Return a frame as it is meant to be seen.

        Returns:
            (H, W, 3) uint8 RGB.

        Raises:
            DecodeError: the file says to turn the frame by an angle that is no quarter turn.
        """
        # nv12 is NVDEC's layout of the same samples. Direct conversion differs by up to 54 grey levels (measured).
        planar = frame.reformat(format="yuv420p") if frame.format.name == "nv12" else frame
        filters = upright_filters(_display_matrix(frame))
        key = (planar.format.name, planar.width, planar.height, planar.colorspace, planar.color_range, filters)
        if key != self._key:
            self._graph, self._key = _set_up(planar, filters), key
        self._graph.vpush(planar)
        return np.asarray(self._graph.vpull().to_ndarray(), dtype=np.uint8)


def upright_filters(matrix: tuple[int, ...] | None) -> Filters:
    """Return the filters that turn and mirror a frame as its display matrix says.

    Cameras store turned or mirrored frames with such a matrix. The rule is that of ffmpeg's `-autorotate`: the first
    row of the matrix gives the angle, and the signs of the other rows show whether the frame is mirrored.

    Args:
        matrix: nine integers, row by row, as in FFmpeg's AV_FRAME_DATA_DISPLAYMATRIX; None: there is none.

    Raises:
        DecodeError: the angle is no quarter turn.
    """
    if matrix is None:
        return ()
    a, b, _, c, d, *_ = matrix
    first, second = math.hypot(a, c), math.hypot(b, d)
    if not first or not second:  # FFmpeg ignores a matrix without an angle
        return ()
    angle = round(math.degrees(math.atan2(b / second, a / first))) % 360
    if angle % 90:
        raise DecodeError(
            f"its display matrix turns the picture by {angle} degrees, which is no quarter turn; "
            "write it turned: ffmpeg -i FILE TURNED.mp4"
        )
    if angle == 90:
        return (("transpose", "cclock_flip" if c > 0 else "clock"),)
    if angle == 270:
        return (("transpose", "clock_flip" if c < 0 else "cclock"),)
    return (*((("hflip", ""),) if angle == 180 and a < 0 else ()), *((("vflip", ""),) if d < 0 else ()))


def _display_matrix(frame: av.VideoFrame) -> tuple[int, ...] | None:
    data = frame.side_data.get("DISPLAYMATRIX")
    return struct.unpack("=9i", bytes(data)) if isinstance(data, SideData) else None


def _set_up(frame: av.VideoFrame, filters: Filters) -> Graph:
    graph = Graph()
    graph.threads = 1  # each decode worker uses one core
    nodes = [
        graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 25)),
        *(graph.add(name, argument) if argument else graph.add(name) for name, argument in filters),
        graph.add("format", "rgb24"),  # FFmpeg inserts the conversion where its command line has it
        graph.add("buffersink"),
    ]
    graph.link_nodes(*nodes).configure()
    return graph
