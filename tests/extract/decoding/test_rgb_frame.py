"""Pictures as ffmpeg shows them: upright in all eight orientations, and of every kind of samples the same RGB."""

import math
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from extract.clip import DecodeError
from extract.decoding import video_file
from extract.decoding.decode import decode_clip
from extract.decoding.rgb_frame import RgbConverter, upright_filters
from extract.decoding.synthetic_clip import set_display_matrix

Picture = NDArray[np.uint8]
HEIGHT, WIDTH = 64, 96

# A display matrix (a, b, c, d) moves the stored point (x, y) to (ax + cy, bx + dy), with y downwards. What follows for
# the picture is geometry; it was compared once with ffmpeg 5.1 and 9.0, whose pictures were the same to the bit.
ORIENTATIONS: dict[str, tuple[tuple[int, int, int, int], Callable[[Picture], Picture]]] = {
    "as stored": ((1, 0, 0, 1), lambda stored: stored),
    "a quarter turn clockwise": ((0, 1, -1, 0), lambda stored: np.rot90(stored, -1)),
    "half a turn": ((-1, 0, 0, -1), lambda stored: np.rot90(stored, 2)),
    "a quarter turn against the clock": ((0, -1, 1, 0), lambda stored: np.rot90(stored, 1)),
    "mirrored left to right": ((-1, 0, 0, 1), lambda stored: stored[:, ::-1]),
    "mirrored top to bottom": ((1, 0, 0, -1), lambda stored: stored[::-1]),
    "transposed": ((0, 1, 1, 0), lambda stored: stored.transpose(1, 0, 2)),
    "transposed the other way": ((0, -1, -1, 0), lambda stored: np.rot90(stored, 2).transpose(1, 0, 2)),
}


def coloured() -> Picture:
    """Edges of colour in both directions; no two orientations of it are the same."""
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[: HEIGHT // 2, : WIDTH // 2] = (230, 20, 20)
    picture[: HEIGHT // 4, WIDTH // 2 :] = (20, 20, 230)
    picture[HEIGHT // 2 :, : WIDTH // 4] = (20, 210, 30)
    return picture


def write(path: Path, codec: str = "libx264", pix_fmt: str = "yuv420p") -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pix_fmt
        for _ in range(4):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(coloured(), format="rgb24")))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write(tmp_path_factory.mktemp("stored") / "stored.mp4").read_bytes()


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("decoder", ["pyav", "nvdec", "decord"])
def test_all_eight_orientations(
    tmp_path: Path, stored: bytes, orientation: str, decoder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if decoder == "decord":
        pytest.importorskip("decord", reason="decord is an optional extra without a wheel for this machine")
    monkeypatch.setattr(video_file, "_nvdec", lambda: (None, None))  # nvdec's way, decoded on the CPU
    matrix, upright = ORIENTATIONS[orientation]
    path = tmp_path / "turned.mp4"
    path.write_bytes(stored)
    plain = decode_clip(path, 1, 1).content[0]
    assert np.abs(plain.astype(int) - coloured()).mean() < 8
    set_display_matrix(path, matrix)
    if decoder == "decord" and ("mirrored" in orientation or "transposed" in orientation):
        with pytest.raises(DecodeError, match="decord shows its first picture in another way than ffmpeg"):
            decode_clip(path, 1, 1, decoder)
    else:
        assert np.array_equal(decode_clip(path, 1, 1, decoder).content[0], upright(plain))


def test_the_orientations_are_told_apart() -> None:
    turned = [turn(coloured()) for _, turn in ORIENTATIONS.values()]
    assert len({picture.tobytes() for picture in turned}) == 8


def matrix_of(a: float, b: float, c: float, d: float) -> tuple[int, ...]:
    return tuple(round(65536 * value) for value in (a, b, 0, c, d, 0, 0, 0, 16384))


@pytest.mark.parametrize(("a", "b", "c", "d"), [matrix for matrix, _ in ORIENTATIONS.values()])
def test_scale_and_a_fraction_of_a_degree_change_nothing(a: int, b: int, c: int, d: int) -> None:
    filters = upright_filters(matrix_of(a, b, c, d))
    assert upright_filters(matrix_of(2 * a, 3 * b, 2 * c, 3 * d)) == filters
    sine = math.sin(math.radians(0.4))
    assert upright_filters(matrix_of(a + b * sine, b - a * sine, c + d * sine, d - c * sine)) == filters


def test_no_matrix_and_one_without_an_angle() -> None:
    assert upright_filters(None) == upright_filters(matrix_of(0, 0, 0, 0)) == ()


@pytest.mark.parametrize("degrees", [45, 30, 135, 200, 315])
def test_other_angles_are_refused(tmp_path: Path, stored: bytes, degrees: int) -> None:
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    path = tmp_path / "turned.mp4"
    path.write_bytes(stored)
    set_display_matrix(path, (cosine, sine, -sine, cosine))
    with pytest.raises(DecodeError, match=f"turns the picture by {degrees} degrees, which is no quarter turn"):
        decode_clip(path, 1, 1)


# Compared once with the command lines of ffmpeg 5.1 and 9.0 too: the same to the bit, also of BT.709, BT.2020 and full
# range, of odd sizes, and turned. FFV1 keeps the samples, so that encoders do not matter here.
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p10le"])
def test_rgb_is_that_of_ffmpegs_filters(tmp_path: Path, pix_fmt: str) -> None:
    """The filters of ffmpeg's command line, `scale` said instead of inserted by itself."""
    path = write(tmp_path / "a.mkv", "ffv1", pix_fmt)
    graph = av.filter.Graph()
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        nodes = [graph.add_buffer(template=stream), graph.add("scale"), graph.add("format", "rgb24")]
        graph.link_nodes(*nodes, graph.add("buffersink")).configure()
        graph.vpush(next(container.decode(stream)))
    assert np.array_equal(decode_clip(path, 1, 1).content[0], graph.vpull().to_ndarray())


def test_ten_bit_colour_edges_are_not_those_of_a_plain_conversion(tmp_path: Path) -> None:
    """PyAV's own conversion takes another filter for the colours and does not know where they lie."""
    path = write(tmp_path / "a.mkv", "ffv1", "yuv420p10le")
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
    plain, shown = frame.to_ndarray(format="rgb24"), RgbConverter()(frame)
    assert np.abs(plain.astype(int) - shown).max() > 3


def test_eight_bit_pictures_are_those_of_a_plain_conversion(tmp_path: Path) -> None:
    """UCF101's and most others: they have the values that they always had."""
    with av.open(str(write(tmp_path / "a.mkv", "ffv1", "yuv420p"))) as container:
        frame = next(container.decode(video=0))
    assert np.array_equal(frame.to_ndarray(format="rgb24"), RgbConverter()(frame))


def test_filters_are_set_up_again_where_frames_change() -> None:
    rgb = RgbConverter()
    for height, width, grey in ((64, 96, 10), (96, 64, 200), (64, 96, 90)):
        frame = av.VideoFrame.from_ndarray(np.full((height, width, 3), grey, np.uint8), format="rgb24")
        picture = rgb(frame.reformat(format="yuv444p"))
        assert picture.shape == (height, width, 3)
        assert np.abs(picture.astype(int) - grey).max() <= 1
