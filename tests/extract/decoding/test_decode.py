"""Decoding: the right frames of every file, or a reason. Frames carry their numbers, so "right" can be read off."""

import itertools
import random
import struct
import tracemalloc
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from extract.clip import Clip, DecodeError
from extract.decoding.decode import decode_clip
from extract.decoding.decoders import Frames
from extract.decoding.frame_count import FrameCount, FrameCounts
from extract.decoding.synthetic_clip import read_number, write_numbered_clip
from extract.decoding.video_file import frame_rate
from extract.segments import SegmentTime, frame_indices, timed_frames


def numbers(clip: Clip) -> list[list[int]]:
    read = np.array([read_number(frame) for frame in clip.content])
    return read[clip.segments].tolist()


@pytest.fixture(scope="module")
def numbered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "numbered.avi"
    write_numbered_clip(path, 97)
    return path


def write_video(path: Path, pictures: list[np.ndarray], codec: str = "mpeg4", **options: object) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = str(options.get("pix_fmt", "yuv420p"))
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            if "pts" in options:
                frame.pts, frame.time_base = options["pts"][number], Fraction(1, 25)  # type: ignore[index]
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def gradient(height: int, width: int, number: int = 0) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 255 // max(width - 1, 1), y * 255 // max(height - 1, 1), (x + y + number) % 256], 2).astype(
        np.uint8
    )


def test_the_clip_has_b_frames(numbered: Path) -> None:
    with av.open(str(numbered)) as container:
        kinds = [av.video.frame.PictureType(frame.pict_type).name for frame in container.decode(video=0)]
        assert container.streams.video[0].codec_context.codec_tag == "XVID"
    assert kinds.count("B") > 40


@pytest.mark.parametrize("decoder", ["pyav", "decord"])
def test_exact_frames(numbered: Path, decoder: str) -> None:
    if decoder == "decord":
        pytest.importorskip("decord", reason="decord is an optional extra without a wheel for this machine")
    clip = decode_clip(numbered, 10, 8, decoder)
    assert clip.num_frames == 97
    assert numbers(clip) == frame_indices(97, 10, 8).tolist()


@pytest.mark.parametrize(
    ("encoder", "name"),
    [("libx264", "h264.mp4"), ("libx265", "h265.mkv"), ("libvpx-vp9", "vp9.webm"), ("libsvtav1", "av1.mp4")],
)
def test_exact_frames_of_other_codecs(numbered: Path, tmp_path: Path, encoder: str, name: str) -> None:
    try:
        av.Codec(encoder, "w")
    except ValueError:
        pytest.skip(f"this PyAV has no {encoder}")
    pictures = decode_clip(numbered, 97, 1).content
    clip = decode_clip(write_video(tmp_path / name, list(pictures), encoder), 10, 8)
    assert clip.num_frames == 97
    assert numbers(clip) == frame_indices(97, 10, 8).tolist()


def test_signs_of_life_at_every_packet_and_frame(numbered: Path) -> None:
    signs = itertools.count()
    decode_clip(numbered, 10, 8, alive=lambda: next(signs))
    assert next(signs) >= 2 * 97


def test_memory_does_not_grow_with_length(tmp_path: Path) -> None:
    peaks = []
    for num_frames in (40, 3000):
        write_numbered_clip(tmp_path / "long.avi", num_frames, (64, 64))
        tracemalloc.start()
        clip = decode_clip(tmp_path / "long.avi", 2, 1)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert clip.num_frames == num_frames and len(clip.content) == 2
    assert peaks[1] < peaks[0] + 3000 * 16, "not even a few bytes for each frame or packet"


@pytest.mark.parametrize("num_frames", [1, 2, 9, 10, 11])
def test_short_clips_repeat_frames(tmp_path: Path, num_frames: int) -> None:
    path = tmp_path / "short.avi"
    write_numbered_clip(path, num_frames)
    clip = decode_clip(path, 10, 8)
    assert clip.num_frames == num_frames
    assert numbers(clip) == frame_indices(num_frames, 10, 8).tolist()


def patch_declared_frames(path: Path, frames: int) -> Path:
    content = bytearray(path.read_bytes())
    for chunk, offset in ((b"avih", 8 + 16), (b"strh", 8 + 32)):
        at = content.index(chunk) + offset
        content[at : at + 4] = struct.pack("<I", frames)
    path.write_bytes(content)
    return path


def test_a_header_that_declares_too_few_is_not_believed(numbered: Path, tmp_path: Path) -> None:
    path = tmp_path / "lies.avi"
    path.write_bytes(numbered.read_bytes())
    clip = decode_clip(patch_declared_frames(path, 20), 10, 8)
    assert clip.num_frames == 97
    assert numbers(clip) == frame_indices(97, 10, 8).tolist()


def test_a_header_that_declares_too_many_is_refused(numbered: Path, tmp_path: Path) -> None:
    path = tmp_path / "lies.avi"
    path.write_bytes(numbered.read_bytes())
    with pytest.raises(DecodeError, match="cut: 97 frames can be decoded, its header declares 200"):
        decode_clip(patch_declared_frames(path, 200), 10, 8)


def test_packets_that_decode_to_nothing_do_not_shift_frames(
    numbered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More packets than frames, as in the real v_HorseRace_g20_c01: the second pass takes the true count."""
    from extract.decoding import decode

    pyav = decode.DECODERS["pyav"]
    passes: list[Path] = []

    def lying(path: Path) -> FrameCounts:
        yield from (FrameCount(said.packets + 3, 0) for said in pyav.count(path))

    def counting(path: Path) -> Frames:
        passes.append(path)
        return pyav.read(path)

    monkeypatch.setitem(decode.DECODERS, "pyav", replace(pyav, count=lying, read=counting))
    clip = decode_clip(numbered, 10, 8)
    assert numbers(clip) == frame_indices(97, 10, 8).tolist()
    assert len(passes) == 2


def test_cut_files_are_refused(numbered: Path, tmp_path: Path) -> None:
    whole = numbered.read_bytes()
    for share in (0.3, 0.6, 0.9):
        path = tmp_path / "cut.avi"
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(DecodeError, match="cut: .* its header declares 97|damaged"):
            decode_clip(path, 10, 8)


def test_fewer_frames_than_the_manifest_gives(numbered: Path) -> None:
    with pytest.raises(DecodeError, match="cut: 97 frames can be decoded, the manifest gives 150"):
        decode_clip(numbered, 10, 8, expected=150)
    assert decode_clip(numbered, 10, 8, expected=98).num_frames == 97


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"this is no video\n" * 100, "not a video"),
        (b"RIFF\x00\x00\x00\x00AVI ", "not a video|no video stream|no frame"),
        (bytes(range(256)) * 64, "not a video|no video stream|no frame"),
    ],
)
def test_not_videos(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "x.avi"
    path.write_bytes(content)
    with pytest.raises(DecodeError, match=reason):
        decode_clip(path, 10, 8)


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(DecodeError, match="does not exist"):
        decode_clip(tmp_path / "nothing.avi", 10, 8)
    with pytest.raises(DecodeError, match="not a video"):
        decode_clip(tmp_path, 10, 8)


def test_a_video_without_frames(numbered: Path, tmp_path: Path) -> None:
    whole = numbered.read_bytes()
    path = tmp_path / "empty.avi"
    path.write_bytes(whole[: whole.index(b"movi") + 4])
    with pytest.raises(DecodeError, match="no frame|not a video"):
        decode_clip(path, 10, 8)


def test_bit_flips_never_crash_hang_or_invent_frames(numbered: Path, tmp_path: Path) -> None:
    """Each flip ends in a refusal, or in pictures of the true size and number. What they show no checksum guards."""
    whole, generator = numbered.read_bytes(), random.Random(0)
    for _ in range(40):
        content = bytearray(whole)
        for _ in range(generator.choice([1, 10, 100])):
            content[generator.randrange(len(content))] ^= 1 << generator.randrange(8)
        path = tmp_path / "flipped.avi"
        path.write_bytes(content)
        try:
            clip = decode_clip(path, 10, 8, expected=97)
        except DecodeError as error:
            assert len(str(error)) > 5
        else:
            assert clip.segments.shape == (10, 8)
            assert abs(clip.num_frames - 97) <= 4


def test_only_sound(tmp_path: Path) -> None:
    path = tmp_path / "sound.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(DecodeError, match="no video stream"):
        decode_clip(path, 10, 8)


def test_with_sound(tmp_path: Path) -> None:
    path = tmp_path / "both.avi"
    with av.open(str(path), "w") as container:
        video, sound = container.add_stream("mpeg4", rate=25), container.add_stream("pcm_s16le", rate=8000)
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        for number in range(20):
            container.mux(video.encode(av.VideoFrame.from_ndarray(gradient(64, 64, number), format="rgb24")))
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 320), np.int16), format="s16", layout="mono")
            frame.sample_rate = 8000
            container.mux(sound.encode(frame))
        container.mux(video.encode(None))
    assert decode_clip(path, 10, 2).num_frames == 20


@pytest.mark.parametrize(("height", "width"), [(2, 2), (35, 51), (98, 34)])
def test_odd_sizes(tmp_path: Path, height: int, width: int) -> None:
    pictures = [gradient(height, width)] * 12
    path = write_video(tmp_path / "odd.mkv", pictures, "ffv1", pix_fmt="bgr0")  # lossless: pixels can be compared
    clip = decode_clip(path, 10, 2)
    assert clip.content.shape[1:] == (height, width, 3)
    assert np.array_equal(clip.content[0], pictures[0])


def test_grey(tmp_path: Path) -> None:
    grey = np.repeat(np.arange(0, 256, 4, dtype=np.uint8).reshape(1, 64, 1), 64, axis=0)
    path = write_video(tmp_path / "grey.mkv", [np.repeat(grey, 3, axis=2)] * 12, "ffv1", pix_fmt="gray")
    frame = decode_clip(path, 10, 2).content[0]
    assert frame.shape == (64, 64, 3)
    assert np.abs(frame.astype(int) - grey).max() <= 1
    assert (frame[..., 0] == frame[..., 2]).all()


def test_variable_frame_rate_counts_frames_not_seconds(tmp_path: Path) -> None:
    pictures = [gradient(64, 64, 8 * number) for number in range(20)]
    times = [number if number < 15 else 15 + (number - 15) * 40 for number in range(20)]
    path = write_video(tmp_path / "vfr.mkv", pictures, "ffv1", pix_fmt="bgr0", pts=times)
    clip = decode_clip(path, 10, 1)
    assert clip.num_frames == 20
    for index, frame in zip(frame_indices(20, 10, 1).flat, clip.content[clip.segments.flat], strict=True):
        assert np.array_equal(frame, pictures[index])


def test_a_picture_that_changes_its_size(tmp_path: Path) -> None:
    one = write_video(tmp_path / "one.h264", [gradient(64, 64)] * 10, "libx264")
    two = write_video(tmp_path / "two.h264", [gradient(96, 96)] * 10, "libx264")
    path = tmp_path / "joined.h264"
    path.write_bytes(one.read_bytes() + two.read_bytes())
    with pytest.raises(DecodeError, match="changes its size"):
        decode_clip(path, 10, 2)


def test_real_clips_have_the_frames_their_list_gives(early_data: Path) -> None:
    """The flow lists count one frame less than there are; v_HorseRace_g20_c01's header declares two too many."""
    for name, frames in (("Archery/v_Archery_g01_c01", None), ("HorseRace/v_HorseRace_g20_c01", 365)):
        from manifests.datasets import ucf101

        listed = ucf101.complete("ucf101-early-15-3-7").clips.set_index("clip_id")["num_frames"][name.split("/")[1]]
        clip = decode_clip(early_data / "ucf101_six" / f"{name}.avi", 10, 8, expected=int(listed))
        assert clip.num_frames == listed
        assert frames in (None, clip.num_frames)


def test_segments_of_a_fixed_time(numbered: Path, tmp_path: Path) -> None:
    rate = frame_rate(numbered)
    assert rate
    seconds = float(20 / rate)
    clip = decode_clip(numbered, 10, 2, time=SegmentTime(seconds, frame_rate=1.0))  # a video says its rate itself
    length = SegmentTime(seconds).frames(rate)
    assert clip.num_segments == 5 and clip.num_frames == 97
    assert numbers(clip)[:5] == timed_frames(97, length, 5, 2).tolist()
    assert numbers(clip)[5:] == [numbers(clip)[4]] * 5, "the network gets as many segments as ever"
    assert decode_clip(numbered, 3, 2, time=SegmentTime(seconds)).num_segments == 3
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number, frame in enumerate(decode_clip(numbered, 97, 1).content):
        Image.fromarray(frame).save(pictures / f"{number}.png")
    folder = decode_clip(pictures, 10, 2, time=SegmentTime(seconds, frame_rate=float(rate)))
    assert folder.num_segments == 5 and np.array_equal(folder.content, clip.content)
    with pytest.raises(DecodeError, match="its frame rate is not known"):
        decode_clip(pictures, 10, 2, time=SegmentTime(seconds))
