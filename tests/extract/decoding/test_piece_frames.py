"""Pieces of videos: the frames of a decoding of the whole file, cut by their time stamps, bit for bit."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from extract.clip import DecodeError
from extract.decoding.decode import decode_clip
from extract.decoding.decode_process import DecodeTask
from extract.decoding.piece_frames import in_piece, with_stamps
from extract.decoding.pool import decode_all
from extract.segments import SegmentTime, frame_indices, timed_count, timed_frames
from manifests.pieces import Piece

Frames = list[tuple[Fraction, NDArray[np.uint8]]]  # seconds since the first frame, pixels

B_FRAMES = {"bf": "2", "g": "12"}


def write(
    path: Path,
    codec: str,
    stamps: list[int],
    unit: Fraction,
    options: dict[str, str] | None = None,
    seed: Callable[[int], int] = int,
) -> Path:
    """Write a video of random pictures with these time stamps; `seed` gives the seed of each picture."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=25, options=options or {})
        stream.width, stream.height = 48, 32
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.time_base = unit
        for number, stamp in enumerate(stamps):
            pixels = np.random.default_rng(seed(number)).integers(0, 256, (32, 48, 3), np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = stamp, unit
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def whole(path: Path) -> Frames:
    """Decode a file from the beginning to the end, by PyAV alone. Frames are in order, so their times are too."""
    with av.open(str(path)) as file:
        stream = file.streams.best("video")
        assert isinstance(stream, av.VideoStream) and stream.time_base
        frames = [(frame.pts * stream.time_base, frame.to_ndarray(format="rgb24")) for frame in file.decode(stream)]
    times = sorted(time for time, _ in frames)
    return [(time - times[0], picture) for time, (_, picture) in zip(times, frames, strict=True)]


def cut(frames: Frames, start: float, end: float) -> list[NDArray[np.uint8]]:
    return [picture for time, picture in frames if start - 0.0005 <= time < end - 0.0005]


def all_frames(path: Path, piece: Piece) -> NDArray[np.uint8]:
    """Every frame of a piece, as segments of one frame."""
    count = decode_clip(path, 1, 1, piece=piece).num_frames
    clip = decode_clip(path, count, 1, piece=piece)
    return clip.content[clip.segments[:, 0]]


REGULAR, UNIT = list(range(60)), Fraction(1, 25)
IRREGULAR = [40 * n + 5 * (n % 7) + (400 if n > 30 else 0) for n in range(60)]  # milliseconds, with a gap
FILES: dict[str, Callable[[Path], Path]] = {
    "h264 mp4": lambda folder: write(folder / "a.mp4", "libx264", REGULAR, UNIT, B_FRAMES),
    "h264 avi": lambda folder: write(folder / "a.avi", "libx264", REGULAR, UNIT, B_FRAMES),
    "xvid avi": lambda folder: write(folder / "a.avi", "mpeg4", REGULAR, UNIT, B_FRAMES),
    "mpeg-ts": lambda folder: write(folder / "a.ts", "libx264", REGULAR, UNIT, B_FRAMES),
    "mpeg-2": lambda folder: write(folder / "a.mpg", "mpeg2video", REGULAR, UNIT, B_FRAMES),
    "webm": lambda folder: write(folder / "a.webm", "libvpx-vp9", REGULAR, UNIT),
    "variable rate": lambda folder: write(folder / "a.mkv", "libx264", IRREGULAR, Fraction(1, 1000), B_FRAMES),
}


@pytest.mark.parametrize("kind", FILES)
def test_pieces_are_the_whole_file_cut_by_time_stamps(kind: str, tmp_path: Path) -> None:
    path = FILES[kind](tmp_path)
    frames = whole(path)
    for start, end in ((0, 400), (400, 1000), (410, 1130), (1120, 2400), (2000, 2040)):
        wanted = cut(frames, start / 1000, end / 1000)
        assert np.array_equal(all_frames(path, Piece(start, end)), np.stack(wanted)), (start, end)
    last = cut(frames, 1.5, 1e9)
    assert np.array_equal(all_frames(path, Piece(1500, 0)), np.stack(last))
    # Pieces that touch have every frame once.
    parts = [all_frames(path, piece) for piece in (Piece(0, 777), Piece(777, 1600), Piece(1600, 0))]
    assert np.array_equal(np.concatenate(parts), np.stack([picture for _, picture in frames]))


def test_dropped_frames_take_their_time(draw: SimpleNamespace, tmp_path: Path) -> None:
    path = write(tmp_path / "a.avi", "mjpeg", REGULAR, UNIT)
    pictures = np.stack([picture for _, picture in whole(path)])
    draw.empty_chunks(path, lambda number: number % 3 == 2)
    there = [number for number in range(60) if number % 3 != 2]
    for piece in (Piece(0, 400), Piece(400, 1000), Piece(1000, 2200)):
        wanted = [number for number in there if piece.start <= 40 * number < piece.end]
        assert np.array_equal(all_frames(path, piece), pictures[wanted])


def test_seconds_begin_with_the_first_frame_that_an_edit_list_shows(draw: SimpleNamespace, tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", "libx264", REGULAR, UNIT, B_FRAMES)
    pictures = np.stack([picture for _, picture in whole(path)])
    first = 2 * 512 + 10 * 512  # the delay of B-frames, and ten frames, in ticks
    draw.edits(path, [(2000, first)])
    shown = np.stack([picture for _, picture in whole(path)])
    assert np.array_equal(shown[0], pictures[10])
    assert np.array_equal(all_frames(path, Piece(400, 800)), pictures[20:30])


def test_real_clips(early_data: Path) -> None:
    """The second one has B-frames in an AVI, whose time stamps PyAV gives in another order than its frames."""
    for name in ("v_Archery_g01_c01.avi", "v_Archery_g03_c01.avi"):
        path = early_data / "ucf101_six" / "Archery" / name
        wanted = cut(whole(path), 1.2, 2.5)
        assert np.array_equal(all_frames(path, Piece(1200, 2500)), np.stack(wanted))


def test_segments_share_the_piece_and_nothing_leaks_in(tmp_path: Path) -> None:
    """Two files without loss differ before and after the piece, and give the same bits."""
    one = write(tmp_path / "one.mkv", "ffv1", REGULAR, UNIT, {"g": "1"})
    other = write(tmp_path / "other.mkv", "ffv1", REGULAR, UNIT, {"g": "1"}, lambda n: n if 20 <= n < 40 else n + 1000)
    pictures = [np.stack([picture for _, picture in whole(path)]) for path in (one, other)]
    assert [number for number in range(60) if np.array_equal(*(own[number] for own in pictures))] == list(range(20, 40))
    clips = [decode_clip(path, 10, 3, piece=Piece(800, 1600)) for path in (one, other)]
    assert clips[0].num_frames == 20
    assert np.array_equal(clips[0].content[clips[0].segments], pictures[0][20 + frame_indices(20, 10, 3)])
    assert np.array_equal(clips[0].content, clips[1].content)
    assert np.array_equal(clips[0].segments, clips[1].segments)


def test_segments_of_a_fixed_time_begin_with_the_piece(tmp_path: Path) -> None:
    path = write(tmp_path / "a.avi", "mjpeg", REGULAR, UNIT)
    clip = decode_clip(path, 10, 2, time=SegmentTime(0.2), piece=Piece(1000, 1800))
    count = timed_count(20, Fraction(5), 10)
    wanted = 25 + timed_frames(20, Fraction(5), count, 2)
    pictures = np.stack([picture for _, picture in whole(path)])
    assert clip.num_segments == 4 == count
    assert np.array_equal(clip.content[clip.segments[:4]], pictures[wanted])


def test_times_are_compared_in_milliseconds(tmp_path: Path) -> None:
    """At 30 frames a second frame 2 is shown at 0.0667 s, which people write as 0.067 and Matroska stores as 0.067."""
    for name in ("a.mp4", "a.mkv"):
        path = write(tmp_path / name, "libx264", list(range(30)), Fraction(1, 30), B_FRAMES)
        pictures = np.stack([picture for _, picture in whole(path)])
        assert np.array_equal(all_frames(path, Piece(67, 500)), pictures[2:15])


def test_what_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", "libx264", REGULAR, UNIT, B_FRAMES)  # 2.4 s
    assert decode_clip(path, 10, 1, piece=Piece(1000, 2600)).num_frames == 35  # 0.2 s too long: rounding
    with pytest.raises(DecodeError, match=r"cut: the piece ends at 3 s, and the file at 2\.4 s; an empty end means"):
        decode_clip(path, 10, 1, piece=Piece(1000, 3000))
    with pytest.raises(DecodeError, match=r"the piece begins at 2\.4 s, and the file ends at 2\.4 s"):
        decode_clip(path, 10, 1, piece=Piece(2400, 0))
    with pytest.raises(DecodeError, match=r"no frame is shown in the seconds 1\.001-1\.010; give it a longer piece"):
        decode_clip(path, 10, 1, piece=Piece(1001, 1010))
    with pytest.raises(DecodeError, match="the decoder decord does not know the times of frames; use pyav for pieces"):
        decode_clip(path, 10, 1, decoder="decord", piece=Piece(0, 1000))
    with pytest.raises(DecodeError, match="a folder of images has no times"):
        decode_clip(tmp_path, 10, 1, piece=Piece(0, 1000))
    bare = write(tmp_path / "a.h264", "libx264", REGULAR, UNIT, B_FRAMES)
    with pytest.raises(DecodeError, match="its frames have no times, so no piece of it can be cut; encode it again"):
        decode_clip(bare, 10, 1, piece=Piece(0, 1000))


def test_a_worker_decodes_pieces(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", "libx264", REGULAR, UNIT, B_FRAMES)
    pieces = {"a": Piece(0, 1000), "b": Piece(1000, 0)}
    tasks = [DecodeTask(name, str(path), 10, 2, "pyav", 0, piece=piece) for name, piece in pieces.items()]
    tasks.append(DecodeTask("s", str(tmp_path / "a.npy"), 10, 2, "skeleton", 0, piece=Piece(0, 1000)))
    for answer in decode_all(tasks, workers=1, deadline=60):
        if isinstance(answer, tuple):
            clip = decode_clip(path, 10, 2, piece=pieces[answer[0]])
            assert np.array_equal(answer[1].content, clip.content)
        else:
            assert answer.reason.startswith("a skeleton file has no times")


def test_frames_of_equal_times_are_refused() -> None:
    frames = [SimpleNamespace(pts=stamp, duration=1) for stamp in (0, 1, 1, 2)]
    stamped = with_stamps(frames, 0)  # type: ignore[arg-type]
    with pytest.raises(DecodeError, match="the times of its frames are not in order at frame 2; encode it again, as"):
        list(in_piece(stamped, Fraction(1), Piece(0, 9000)))
