"""Which stream of a file is the clip, and that a picture is no video."""

import io
import struct
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
from av.stream import Disposition
from PIL import Image

from extract.clip import DecodeError
from extract.decoding.decode import decode_clip
from extract.decoding.decoders import DECODERS
from extract.decoding.synthetic_clip import _draw, read_number
from extract.decoding.video_file import open_video

FRAMES, SIZE = 20, (96, 64)


def jpeg() -> bytes:
    content = io.BytesIO()
    Image.fromarray(_draw(999, *SIZE)).save(content, "JPEG")
    return content.getvalue()


def write_with_picture(path: Path, picture_first: bool, disposition: Disposition, video: bool = True) -> Path:
    """Write sound, a JPEG in a stream of its own, and a video of numbered frames."""
    with av.open(str(path), "w") as container:
        streams = {}
        for kind in ("picture", "video") if picture_first else ("video", "picture"):
            if kind == "picture":
                streams[kind] = container.add_stream("mjpeg", rate=25, options={"strict": "unofficial"})
                streams[kind].pix_fmt = "yuvj420p"
                streams[kind].disposition = disposition
            elif video:
                streams[kind] = container.add_stream("libx264", rate=25)
                streams[kind].pix_fmt = "yuv420p"
                streams[kind].disposition = Disposition.default
            if kind in streams:
                streams[kind].width, streams[kind].height = SIZE
        sound = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 6400), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 8000
        container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
        packet = av.Packet(jpeg())
        packet.stream, packet.pts, packet.dts, packet.is_keyframe = streams["picture"], 0, 0, True
        container.start_encoding()
        container.mux(packet)
        for number in range(FRAMES if video else 0):
            image = av.VideoFrame.from_ndarray(_draw(number, *SIZE), format="rgb24")
            container.mux(streams["video"].encode(image))
        if video:
            container.mux(streams["video"].encode(None))
    if picture_first and disposition & Disposition.attached_pic:
        _put_cover_first(path)
    return path


def _put_cover_first(path: Path) -> None:
    """Move an MP4's udta, which holds covers, before its tracks: FFmpeg numbers streams in the order of the file."""
    content = path.read_bytes()
    moov = content.index(b"moov") + 4
    boxes, position = [], moov
    while position < moov - 8 + struct.unpack_from(">I", content, moov - 8)[0]:
        size = struct.unpack_from(">I", content, position)[0]
        boxes.append(content[position : position + size])
        position += size
    boxes.sort(key=lambda box: (b"mvhd", b"udta", b"trak").index(box[4:8]))
    path.write_bytes(content[:moov] + b"".join(boxes) + content[position:])


@pytest.mark.parametrize("picture_first", [True, False], ids=["picture first", "video first"])
@pytest.mark.parametrize("disposition", [Disposition.attached_pic, Disposition(0)], ids=["cover", "preview track"])
@pytest.mark.parametrize("decoder", ["pyav", "decord"])
def test_the_video_is_taken_not_the_picture(
    tmp_path: Path, picture_first: bool, disposition: Disposition, decoder: str
) -> None:
    if decoder == "decord":
        pytest.importorskip("decord", reason="decord is an optional extra without a wheel for this machine")
    path = write_with_picture(tmp_path / "both.mp4", picture_first, disposition)
    with av.open(str(path)) as container:
        kinds = [stream.codec_context.name for stream in container.streams.video]
        assert kinds == (["mjpeg", "h264"] if picture_first else ["h264", "mjpeg"])
        assert bool(disposition) == any(s.disposition & Disposition.attached_pic for s in container.streams.video)
    try:
        clip = decode_clip(path, FRAMES, 1, decoder)
    except DecodeError as error:
        assert decoder == "decord" and "use the decoder pyav" in str(error)  # it chose another one, and is refused
    else:
        assert [read_number(frame) for frame in clip.content] == list(range(FRAMES))


def test_one_rule_for_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is counted, decoded, and asked whether NVDEC takes it is the same stream."""
    path = write_with_picture(tmp_path / "both.mp4", True, Disposition.attached_pic)
    with open_video(path) as (_, stream):
        assert (stream.index, stream.codec_context.name) == (1, "h264")
    monkeypatch.setattr("extract.decoding.video_file._nvdec", lambda: (None, None))  # decoded on the CPU
    for decoder in (DECODERS["pyav"], DECODERS["nvdec"]):
        assert list(decoder.count(path))[-1].packets == FRAMES
        assert len(list(decoder.read(path))) == FRAMES


def test_a_song_with_a_cover_is_no_video(tmp_path: Path) -> None:
    path = write_with_picture(tmp_path / "song.mp4", True, Disposition.attached_pic, video=False)
    with pytest.raises(DecodeError, match="no video in it: its only picture is a cover"):
        decode_clip(path, 10, 2)


@pytest.mark.parametrize("name", ["song.mp4", "song.mkv"])
def test_sound_with_a_picture_that_is_not_marked_as_a_cover_is_no_video(tmp_path: Path, name: str) -> None:
    path = write_with_picture(tmp_path / name, True, Disposition(0), video=False)
    with pytest.raises(DecodeError, match="sound with a single picture"):
        decode_clip(path, 10, 2)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP", "MPO", "AVIF", "JPEG2000"])
@pytest.mark.parametrize("name", ["picture.avi", "picture.jpg"])
def test_a_picture_is_no_video(tmp_path: Path, kind: str, name: str) -> None:
    path, picture = tmp_path / name, Image.fromarray(_draw(7, *SIZE))
    try:
        picture.save(path, kind, **({"save_all": True, "append_images": [picture]} if kind == "MPO" else {}))
    except (KeyError, OSError):
        pytest.skip(f"this Pillow has no {kind}")
    with pytest.raises(DecodeError, match="not a video, but a single picture|not a video that can be opened"):
        decode_clip(path, 10, 2)


@pytest.mark.parametrize("name", ["read.txt", "read.nfo", "read.asc", "read.ans", "read.diz", "read.avi", "read"])
def test_a_text_is_no_video(tmp_path: Path, name: str) -> None:
    """FFmpeg would draw it, letter by letter, if its name ends as that of a text."""
    path = tmp_path / name
    path.write_text("Some lines of a text.\n" * 100)
    with pytest.raises(DecodeError, match="not a video that can be opened"):
        decode_clip(path, 10, 2)


@pytest.mark.parametrize("name", ["moving.gif", "moving.apng", "moving.mjpeg", "moving.avi"])
def test_moving_pictures_are_videos(tmp_path: Path, name: str, draw: SimpleNamespace) -> None:
    codec, pix_fmt = {
        "moving.gif": ("gif", "rgb8"),
        "moving.apng": ("apng", "rgb24"),
        "moving.mjpeg": ("mjpeg", "yuvj420p"),
        "moving.avi": ("mjpeg", "yuvj420p"),
    }[name]
    path = draw.numbers(tmp_path / name, range(FRAMES), codec, pix_fmt)
    assert [read_number(frame) for frame in decode_clip(path, FRAMES, 1).content] == list(range(FRAMES))


def test_a_video_of_one_frame_stays_one(tmp_path: Path, draw: SimpleNamespace) -> None:
    for name in ("one.mp4", "one.mkv"):
        assert decode_clip(draw.numbers(tmp_path / name, [5]), 2, 1).num_frames == 1


def test_a_codec_that_nobody_knows(tmp_path: Path, draw: SimpleNamespace) -> None:
    path = draw.numbers(tmp_path / "a.avi", range(FRAMES), "mpeg4")
    path.write_bytes(path.read_bytes().replace(b"FMP4", b"ZzQq"))
    with pytest.raises(DecodeError, match="no decoder|not a video"):
        decode_clip(path, 10, 2)
