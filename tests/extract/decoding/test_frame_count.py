"""Whole and cut files in every container: a whole one gives all frames that are shown, a cut one a reason."""

import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import pytest

from extract.clip import DecodeError
from extract.decoding.decode import decode_clip
from extract.decoding.synthetic_clip import hide_beginning, read_number
from extract.decoding.truncation import cut_box, indexed_chunks, segment_is_cut

FRAMES = 60
FRONT = {"movflags": "faststart"}
FRAGMENTS = {"movflags": "frag_keyframe+empty_moov"}
INDEXED_FRAGMENTS = {"movflags": "frag_keyframe+empty_moov+dash+global_sidx"}
Make = Callable[[SimpleNamespace, Path], tuple[Path, list[int]]]


def whole(name: str, codec: str = "libx264", pix_fmt: str = "yuv420p", **options: str) -> Make:
    def make(draw: SimpleNamespace, folder: Path) -> tuple[Path, list[int]]:
        return draw.numbers(folder / name, range(FRAMES), codec, pix_fmt, options), list(range(FRAMES))

    return make


def copied(name: str, time_base: Fraction | None = None) -> Make:
    """H.264 of a transport stream in another container, as `ffmpeg -c copy` does."""

    def make(draw: SimpleNamespace, folder: Path) -> tuple[Path, list[int]]:
        source = draw.numbers(folder / "source.ts", range(FRAMES))
        return draw.copy(source, folder / name, time_base=time_base), list(range(FRAMES))

    return make


def trimmed(hidden: int, **options: str) -> Make:
    def make(draw: SimpleNamespace, folder: Path) -> tuple[Path, list[int]]:
        path = draw.numbers(folder / "trimmed.mp4", range(FRAMES), options=options)
        hide_beginning(path, hidden)
        return path, list(range(hidden, FRAMES))

    return make


def edited(shown: list[int], *edits: tuple[int, int]) -> Make:
    """Edits in ms and in frames from the beginning; -1: a gap. The first frame is at 1024 ticks, each takes 512."""

    def make(draw: SimpleNamespace, folder: Path) -> tuple[Path, list[int]]:
        path = draw.numbers(folder / "edited.mp4", range(FRAMES))
        ticks = [(milliseconds, start if start < 0 else 1024 + 512 * start) for milliseconds, start in edits]
        return draw.edits(path, ticks), shown

    return make


def dropped(empty: Callable[[int], bool], codec: str = "mjpeg", pix_fmt: str = "yuvj420p") -> Make:
    """An AVI with empty chunks where a camera dropped frames."""

    def make(draw: SimpleNamespace, folder: Path) -> tuple[Path, list[int]]:
        path = draw.empty_chunks(draw.numbers(folder / "dropped.avi", range(FRAMES), codec, pix_fmt), empty)
        return path, [number for number in range(FRAMES) if not empty(number)]

    return make


def hidden_vp8(name: str) -> Make:
    """Every sixth packet is decoded but not shown, as those that only serve to predict others."""

    def make(draw: SimpleNamespace, folder: Path) -> tuple[Path, list[int]]:
        def hide(number: int, packet: av.Packet) -> av.Packet:
            content = bytearray(bytes(packet))
            content[0] &= ~0x10 if number % 6 == 5 else 0xFF
            return draw.with_content(packet, bytes(content))

        source = draw.numbers(folder / "source.webm", range(FRAMES), "libvpx")
        return draw.copy(source, folder / name, hide, Fraction(1, 25)), [
            number for number in range(FRAMES) if number % 6 != 5
        ]

    return make


def fields(name: str) -> Make:
    return lambda draw, folder: (draw.fields(folder / name, FRAMES), [])  # grey: no numbers to be read


# name: how the whole file is made, and where cuts (shares of its bytes) must be found; () for no promise at all.
KINDS: dict[str, tuple[Make, tuple[float, ...]]] = {
    "MP4": (whole("a.mp4"), (0.3, 0.6, 0.95)),
    "MP4, moov in front": (whole("a.mp4", **FRONT), (0.3, 0.6, 0.9, 0.97)),
    "MP4 with MPEG-4, moov in front": (whole("a.mp4", "mpeg4", **FRONT), (0.3, 0.6, 0.9, 0.97)),
    "fragmented MP4": (whole("a.mp4", **FRAGMENTS), (0.3, 0.6, 0.9)),
    "fragmented MP4 with MPEG-4": (whole("a.mp4", "mpeg4", **FRAGMENTS), (0.3, 0.6, 0.9)),
    "fragmented MP4 with an index": (whole("a.mp4", **INDEXED_FRAGMENTS), (0.3, 0.6, 0.9)),
    "MP4, trimmed": (trimmed(25), (0.3, 0.6, 0.95)),
    "MP4, trimmed, moov in front": (trimmed(25, **FRONT), (0.3, 0.6, 0.9)),
    "MP4, trimmed at a key frame": (trimmed(24), (0.3, 0.6)),
    "MP4, trimmed at both ends": (edited(list(range(30, 55)), (1000, 30)), (0.6,)),
    "MP4, trimmed at its end": (edited(list(range(25)), (1000, 0)), (0.6,)),
    "MP4, with a gap, trimmed at its end": (edited(list(range(25)), (400, -1), (1000, 0)), (0.6,)),
    "MP4 of two parts": (edited([*range(5, 15), *range(30, 40)], (400, 5), (400, 30)), (0.6,)),
    "MP4 with a part shown twice": (edited([*range(10), *range(10)], (400, 0), (400, 0)), (0.6,)),
    "MOV": (whole("a.mov", **FRONT), (0.3, 0.9)),
    "MP4 with fields as packets": (fields("a.mp4"), (0.6,)),
    "AVI with fields as packets": (fields("a.avi"), (0.3, 0.6, 0.9)),
    "Matroska with fields as packets": (fields("a.mkv"), (0.3, 0.6)),
    "AVI with XviD": (whole("a.avi", "mpeg4"), (0.3, 0.6, 0.9)),
    "AVI with MJPEG": (whole("a.avi", "mjpeg", "yuvj420p"), (0.3, 0.6, 0.9)),
    "AVI with H.264, two units a frame": (copied("a.avi", Fraction(1, 50)), (0.2, 0.4, 0.6)),
    "AVI with H.264, 24 units a frame": (copied("a.avi", Fraction(1, 600)), (0.1, 0.2)),
    "AVI, every third chunk empty": (dropped(lambda number: number % 3 == 0), (0.3, 0.6, 0.9)),
    "AVI, two of three chunks empty": (dropped(lambda number: number % 3 > 0), (0.3, 0.6, 0.8)),
    "AVI with a gap": (dropped(lambda number: 20 <= number < 45), (0.3, 0.6, 0.9)),
    "AVI, first chunks empty": (dropped(lambda number: number < 20), (0.3, 0.6, 0.9)),
    "AVI, last chunks empty": (dropped(lambda number: number >= 40), (0.3, 0.6, 0.9)),
    "AVI with hidden VP8": (hidden_vp8("a.avi"), (0.3, 0.6)),
    "IVF with hidden VP8": (hidden_vp8("a.ivf"), (0.3, 0.6, 0.9)),
    "WebM with hidden VP8": (hidden_vp8("a.webm"), (0.3, 0.6)),
    "Matroska": (whole("a.mkv"), (0.3, 0.6, 0.85)),
    "Matroska, live": (whole("a.mkv", live="1"), ()),
    "WebM": (whole("a.webm", "libvpx-vp9"), (0.3, 0.6, 0.85)),
    "transport stream": (whole("a.ts"), ()),
    "APNG": (whole("a.apng", "apng", "rgb24"), (0.3, 0.6, 0.75, 0.9)),
    "GIF": (whole("a.gif", "gif", "rgb8"), (0.3, 0.6, 0.9)),
    "FLV": (whole("a.flv"), (0.3, 0.6, 0.8)),
    "FLV with Sorenson": (whole("a.flv", "flv1"), (0.3, 0.6, 0.8)),
    "MXF": (whole("a.mxf", "mpeg2video"), (0.3, 0.6, 0.9)),
    "Ogg": (whole("a.ogv", "libvpx"), (0.3, 0.6, 0.9)),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, draw: SimpleNamespace) -> Callable[[str], tuple[Path, list[int]]]:
    """The whole file of a kind, and the numbers of the frames that it shows. Not to be changed."""
    files: dict[str, tuple[Path, list[int]]] = {}

    def make(kind: str) -> tuple[Path, list[int]]:
        if kind not in files:
            files[kind] = KINDS[kind][0](draw, tmp_path_factory.mktemp("drawn"))
        return files[kind]

    return make


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_file_has_the_frames_that_it_shows(kind: str, made: Callable[[str], tuple[Path, list[int]]]) -> None:
    path, shown = made(kind)
    clip = decode_clip(path, FRAMES, 1)
    if "fields" in kind:
        assert clip.num_frames == FRAMES
    else:
        assert clip.num_frames == len(shown)
        assert [read_number(clip.content[position]) for position in sorted({*clip.segments.flat})] == shown


@pytest.mark.parametrize(("kind", "share"), [(kind, share) for kind, (_, shares) in KINDS.items() for share in shares])
def test_a_cut_file_is_refused(
    kind: str, share: float, made: Callable[[str], tuple[Path, list[int]]], tmp_path: Path
) -> None:
    content = made(kind)[0].read_bytes()
    path = tmp_path / made(kind)[0].name
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DecodeError, match="^cut: |^damaged|^not a video that can be opened|^no frame in it"):
        decode_clip(path, 10, 2)


def test_a_file_that_lost_only_what_follows_its_frames_is_whole(
    made: Callable[[str], tuple[Path, list[int]]], tmp_path: Path
) -> None:
    for kind, end in (("AVI with XviD", b"idx1"), ("Matroska", b"\x1c\x53\xbb\x6b")):  # indices
        content = made(kind)[0].read_bytes()
        path = tmp_path / made(kind)[0].name
        path.write_bytes(content[: content.rindex(end)])
        assert decode_clip(path, 10, 2).num_frames == FRAMES


def test_an_mp4_whose_packets_are_there_but_hold_nothing(
    made: Callable[[str], tuple[Path, list[int]]], tmp_path: Path
) -> None:
    """As a download leaves it that reserved the file's size and then stopped."""
    content = bytearray(made("MP4 with MPEG-4, moov in front")[0].read_bytes())
    half = content.index(b"mdat") + (len(content) - content.index(b"mdat")) // 2
    content[half:] = bytes(len(content) - half)
    path = tmp_path / "hole.mp4"
    path.write_bytes(content)
    with pytest.raises(DecodeError, match="^cut: |^damaged"):
        decode_clip(path, 10, 2)


def test_a_cut_matroska_file_without_a_duration(draw: SimpleNamespace, tmp_path: Path) -> None:
    path = draw.numbers(tmp_path / "a.mkv", range(FRAMES))
    content = bytearray(path.read_bytes())
    for name in (b"DURATION", b"\x44\x89\x88"):  # the stream's tag; the file's element, its name and size
        at = content.index(name)
        content[at : at + 2] = b"\xec\x89" if len(name) == 3 else b"XX"  # a void element instead
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DecodeError, match="cut: "):
        decode_clip(path, 10, 2)


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (box(b"ftyp", b"isom") + box(b"moof", b"1234") + box(b"mdat", b"12345678"), ""),
        (box(b"ftyp", b"isom") + box(b"moof", b"1234") + box(b"mdat", b"12345678")[:-1], "mdat"),
        (box(b"ftyp", b"isom") + box(b"moof", b"1234")[:-1], "moof"),
        (box(b"ftyp", b"isom") + box(b"moof", b"1234")[:5], "?"),
        (box(b"ftyp", b"isom") + struct.pack(">I4sQ", 1, b"mdat", 20) + b"1234", ""),
        (box(b"ftyp", b"isom") + struct.pack(">I4sQ", 1, b"mdat", 21) + b"1234", "mdat"),
        (box(b"ftyp", b"isom") + struct.pack(">I4s", 0, b"mdat") + b"12", ""),
        (b"", ""),
    ],
)
def test_the_box_that_an_mp4_ends_in(tmp_path: Path, content: bytes, found: str) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    assert cut_box(path) == found


@pytest.mark.parametrize(
    ("segment", "cut"),
    [(b"\x84abcd", False), (b"\x84abc", True), (b"\x40\x04abc", True), (b"\xffabc", False), (b"", False)],
)
def test_the_segment_of_a_matroska_file(tmp_path: Path, segment: bytes, cut: bool) -> None:
    path = tmp_path / "a.mkv"
    path.write_bytes(b"\x1a\x45\xdf\xa3\x82ab\x18\x53\x80\x67" + segment)
    assert segment_is_cut(path) == cut


def test_the_index_of_an_avi(made: Callable[[str], tuple[Path, list[int]]], tmp_path: Path) -> None:
    path, shown = made("AVI, last chunks empty")
    assert indexed_chunks(path, 0) == FRAMES > len(shown)
    assert indexed_chunks(path, 1) == 0
    content = path.read_bytes()
    (tmp_path / "a.avi").write_bytes(content[: content.rindex(b"idx1")])
    assert indexed_chunks(tmp_path / "a.avi", 0) == 0
