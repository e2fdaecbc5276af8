"""decord is used only for files whose frames it counts and shows as PyAV does; others are refused with the reason."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from extract.clip import DecodeError
from extract.decoding.decode import decode_clip
from extract.decoding.decoders import Frames, decord
from extract.decoding.synthetic_clip import hide_beginning, read_number, write_numbered_clip

pytest.importorskip("decord", reason="decord is an optional extra without a wheel for this machine")
FRAMES = 40


@pytest.mark.parametrize("hidden", [1, 11, 12, 30])
def test_a_trimmed_mp4_is_refused(tmp_path: Path, hidden: int) -> None:
    """decord reads on behind the edit list's end and repeats frames, in order too."""
    path = tmp_path / "trimmed.mp4"
    write_numbered_clip(path, FRAMES, (96, 64), "libx264")
    assert decode_clip(path, 10, 2, "decord").num_frames == FRAMES
    hide_beginning(path, hidden)
    assert decode_clip(path, 10, 2).num_frames == FRAMES - hidden
    try:
        clip = decode_clip(path, FRAMES, 1, "decord")
    except DecodeError as error:
        assert f"where {FRAMES - hidden} are shown; use the decoder pyav" in str(error)
    else:  # where decord is right
        assert [read_number(frame) for frame in clip.content] == list(range(hidden, FRAMES))


def test_fields_that_are_packets(tmp_path: Path, draw: SimpleNamespace) -> None:
    with pytest.raises(DecodeError, match=f"where {FRAMES} are shown; use the decoder pyav|decord cannot open it"):
        decode_clip(draw.fields(tmp_path / "fields.mp4", FRAMES), 10, 2, "decord")


def test_colours_that_are_not_ffmpegs(tmp_path: Path, draw: SimpleNamespace) -> None:
    with pytest.raises(DecodeError, match="decord shows colours of more than 8 bits in another way"):
        decode_clip(draw.numbers(tmp_path / "ten.mp4", range(FRAMES), pix_fmt="yuv420p10le"), 10, 2, "decord")


@pytest.mark.parametrize(("off", "same"), [(2, True), (9, False)])
def test_an_older_ffmpegs_rounding_is_let_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, off: int, same: bool
) -> None:
    path = tmp_path / "a.avi"
    write_numbered_clip(path, FRAMES, (96, 64))
    read = decord.read_with_decord

    def rounded(path: Path) -> Frames:
        for convert in read(path):
            yield lambda convert=convert: np.clip(convert().astype(int) + off, 0, 255).astype(np.uint8)

    monkeypatch.setattr(decord, "read_with_decord", rounded)
    if same:
        assert list(decord.count_with_decord(path))[-1].packets == FRAMES
    else:
        with pytest.raises(DecodeError, match="in another way"):
            list(decord.count_with_decord(path))


def test_a_real_clip_with_packets_that_show_nothing(early_data: Path) -> None:
    """367 packets, 365 frames; decord makes 367 of them, the last two copies."""
    path = early_data / "ucf101_six" / "HorseRace" / "v_HorseRace_g20_c01.avi"
    with pytest.raises(DecodeError, match="decord counts 367 frames where 365 are shown"):
        decode_clip(path, 10, 8, "decord")
