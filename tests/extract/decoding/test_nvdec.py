"""NVDEC's side of decoding: what is given to it, what is left to PyAV, and that its layout loses nothing."""

from pathlib import Path

import av
import numpy as np
import pytest
import torch

from extract.clip import DecodeError
from extract.decoding import decode, video_file
from extract.decoding.decode import decode_clip
from extract.decoding.decoders import Frames, nvdec
from extract.decoding.rgb_frame import RgbConverter
from extract.decoding.synthetic_clip import read_number, write_numbered_clip
from extract.feature_settings import recording_settings
from manifests.recipes.extraction import Extract

FRAMES = 23


@pytest.fixture(scope="module")
def h264(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("h264") / "numbered.mp4"
    write_numbered_clip(path, FRAMES, (96, 64), "libx264")
    return path


@pytest.fixture
def without_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine with a driver, but decoded on the CPU: the rest of the way is the same."""
    monkeypatch.setattr(video_file, "_nvdec", lambda: (None, None))


def pictures(path: Path) -> list[av.VideoFrame]:
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def test_the_clip_is_h264_with_b_frames(h264: Path) -> None:
    with av.open(str(h264)) as container:
        assert container.streams.video[0].codec_context.name == "h264"
        kinds = [av.video.frame.PictureType(frame.pict_type).name for frame in container.decode(video=0)]
    assert len(kinds) == FRAMES and kinds.count("B") > 5


def test_every_frame_is_there_in_order(h264: Path, without_gpu: None) -> None:
    clip = decode_clip(h264, FRAMES, 1, "nvdec", FRAMES)
    assert [read_number(clip.content[index]) for index in clip.segments[:, 0]] == list(range(FRAMES))


def test_nvdecs_layout_gives_pyavs_pixels(h264: Path) -> None:
    differing, rgb = 0, RgbConverter()
    for frame in pictures(h264):
        nv12 = frame.reformat(format="nv12")
        assert np.array_equal(rgb(nv12), rgb(frame))
        differing += (nv12.to_ndarray(format="rgb24") != rgb(frame)).any()
    assert differing  # what comes of not going back to FFmpeg's layout


def test_other_codecs_and_pictures_are_left_to_pyav(
    tmp_path: Path, h264: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_nvdec: dict[str, bool] = {}

    def read(path: Path, nvdec: bool) -> Frames:
        by_nvdec[path.name] = nvdec
        return iter(())

    monkeypatch.setattr(nvdec, "read_with_pyav", read)
    xvid, wide = tmp_path / "xvid.avi", tmp_path / "wide.mp4"
    write_numbered_clip(xvid, 5, (64, 64))
    with av.open(str(wide), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv444p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")))
        container.mux(stream.encode(None))
    for path in (xvid, wide, h264):
        assert not list(nvdec.read_with_nvdec(path))
    assert by_nvdec == {"xvid.avi": False, "wide.mp4": False, "numbered.mp4": True}


@pytest.mark.gpu
def test_nvdec_gives_pyavs_pixels(h264: Path) -> None:
    """H.264 tells every decoder each pixel."""
    found, expected = (decode_clip(h264, FRAMES, 1, decoder, FRAMES) for decoder in ("nvdec", "pyav"))
    assert np.array_equal(found.content, expected.content)
    assert np.array_equal(found.segments, expected.segments)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_without_nvdec_a_clip_fails_with_the_reason(h264: Path) -> None:
    with pytest.raises(DecodeError, match="NVDEC does not take it: "):
        decode_clip(h264, 2, 1, "nvdec")


def test_the_settings_say_who_decoded_what() -> None:
    recipe = Extract(backbone="timm:test_resnet", weights="random")
    assert recording_settings(recipe, "pyav", "video")["decoder"] == f"pyav {av.__version__}"
    said = recording_settings(recipe, "nvdec", "video")["decoder"]
    assert said == f"nvdec (h264 and hevc in yuv420p; others pyav) {av.__version__}"


def test_the_settings_say_by_which_rule_frames_are_shown() -> None:
    """A cache of before, when some files had other frames, is not continued."""
    recipe = Extract(backbone="timm:test_resnet", weights="random")
    assert recording_settings(recipe, "pyav", "video")["frames_rule"] == decode.FRAMES_RULE
    assert "frames_rule" not in recording_settings(recipe, "pyav", "skeleton")
