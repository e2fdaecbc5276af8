"""The doctor distinguishes right decoders from wrong ones; the numbered clip can hold every number it needs."""

import json
import re
import shutil
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import av
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from common.errors import UserError
from extract import doctor
from extract.clip import Clip, DecodeError
from extract.commands.app import app
from extract.decoding.decode_process import DecodeTask, Failure
from extract.decoding.decoders import DECODERS, Frames
from extract.decoding.frame_count import FrameCounts
from extract.decoding.synthetic_clip import _draw, read_number, write_numbered_clip

COUNT, READ = DECODERS["pyav"].count, DECODERS["pyav"].read


@pytest.fixture(scope="module", autouse=True)
def clips_are_encoded_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("clips")

    def write(path: Path, num_frames: int, codec: Literal["mpeg4", "libx264"] = "mpeg4") -> None:
        kept = folder / f"{num_frames}{codec}{path.suffix}"
        if not kept.exists():
            write_numbered_clip(kept, num_frames, codec=codec)
        shutil.copyfile(kept, path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(doctor, "write_numbered_clip", write)
        yield


def sabotage(monkeypatch: pytest.MonkeyPatch, read: Callable[[Path], Frames]) -> None:
    monkeypatch.setitem(DECODERS, "pyav", replace(DECODERS["pyav"], read=read))


def test_pyav_is_exact_here() -> None:
    assert doctor.check_decoders()["pyav"] == "exact"


def test_a_decoder_that_slips_by_one_is_called_wrong_with_the_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Like a decoder that returns a B-frame twice: right up to frame 39, and one frame late after it."""
    asked: list[int] = []

    def slipping(clip: Path) -> Frames:
        frames = list(READ(clip))
        for index in range(len(frames)):

            def convert(index: int = index) -> np.ndarray:
                asked.append(index)
                return frames[index if index < 40 else index - 1]()

            yield convert

    sabotage(monkeypatch, slipping)
    verdict = doctor.check_decoders()["pyav"]
    late = sum(index >= 40 for index in asked)
    assert 0 < late < len(asked) == 30
    assert verdict == f"wrong: {late} of 30 frames"


def test_a_decoder_that_breaks_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaking(_clip: Path) -> Iterator[Callable[[], np.ndarray]]:
        raise RuntimeError("no such codec")
        yield

    sabotage(monkeypatch, breaking)
    assert doctor.check_decoders()["pyav"] == "wrong: RuntimeError: no such codec"


def test_a_decoder_that_loses_frames_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    sabotage(monkeypatch, lambda clip: iter(list(READ(clip))[:50]))
    assert re.fullmatch(r"wrong: (1?\d|2\d) frames for 30 requested", doctor.check_decoders()["pyav"])


def test_what_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_installed", lambda _module: False)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    verdicts = doctor.check_decoders()
    assert {name: verdict for name, verdict in verdicts.items() if name != "pyav"} == {
        "decord": "not installed",
        "nvdec": "no NVDEC here: torch sees no GPU",
        "decord by index (not used)": "not installed",
        "decord2 (not used)": "not installed",
        "torchcodec (not used)": "not installed",
    }
    shown = CliRunner().invoke(app, ["doctor"], env={"COLUMNS": "200"}, catch_exceptions=False).output
    assert "uv pip install 'early-recognition[lite0]'" in shown


def test_a_decoder_that_is_right_but_for_the_trimmed_mp4(monkeypatch: pytest.MonkeyPatch) -> None:
    """The decoder also returns the trimmed frames; the first 67 numbers alone would not show that."""

    def untrimmed(clip: Path) -> Frames:
        frames = list(READ(clip))
        yield from [*frames, *frames[-6:]] if clip.suffix == ".mp4" else frames

    sabotage(monkeypatch, untrimmed)
    assert doctor.check_decoders()["pyav"] == "wrong: 73 frames of a trimmed MP4, which shows 67"


def test_a_decoder_that_refuses_the_trimmed_mp4_may_be_used_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def refusing(clip: Path) -> FrameCounts:
        if clip.suffix == ".mp4":
            raise DecodeError("it counts 73 frames where 67 are shown")
        return COUNT(clip)

    monkeypatch.setitem(DECODERS, "decord", replace(DECODERS["decord"], count=refusing, read=READ))
    monkeypatch.setattr(doctor, "_version", lambda package: "1" if package == "decord" else doctor.NOT_INSTALLED)
    monkeypatch.setattr("importlib.import_module", lambda _name: None)
    assert doctor.check_decoders()["decord"] == "exact; a trimmed MP4 is refused"
    doctor.check_decoder("decord")


def test_decord_itself() -> None:
    pytest.importorskip("decord", reason="decord is an optional extra without a wheel for this machine")
    if doctor._installed("decord2"):
        pytest.skip("decord2 took the place of decord")
    verdicts = doctor.check_decoders()
    assert verdicts["decord"] == "exact; a trimmed MP4 is refused"
    assert verdicts["decord by index (not used)"].startswith("wrong")


def with_module(monkeypatch: pytest.MonkeyPatch, package: str, name: str, **content: object) -> None:
    """Pretend that one optional package is installed, with this module, and no other."""
    monkeypatch.setattr(doctor, "_version", lambda asked: "1" if asked == package else doctor.NOT_INSTALLED)
    module = types.ModuleType(name)
    vars(module).update(content)
    monkeypatch.setitem(sys.modules, name.split(".")[0], types.ModuleType(name.split(".")[0]))
    monkeypatch.setitem(sys.modules, name, module)


def all_pictures(clip: Path) -> np.ndarray:
    return np.stack([convert() for convert in READ(clip)])


def test_decord2_stands_under_its_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    class Reader:
        def __init__(self, clip: str, num_threads: int) -> None:
            self.frames = iter(all_pictures(Path(clip)))
            self.count = len(all_pictures(Path(clip)))

        def __len__(self) -> int:
            return self.count

        def next(self) -> "Reader":
            self.frame = next(self.frames)
            return self

        def asnumpy(self) -> np.ndarray:
            return self.frame

    with_module(monkeypatch, "decord2", "decord", VideoReader=Reader)
    verdicts = doctor.check_decoders()
    assert (verdicts["decord"], verdicts["decord2 (not used)"]) == ("not installed", "exact")
    with pytest.raises(UserError, match="the decoder decord is refused here .not installed."):
        doctor.check_decoder("decord")


def test_torchcodec_is_judged_by_the_same_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    class Decoder:
        def __init__(self, clip: Path, dimension_order: str) -> None:
            assert dimension_order == "NHWC"
            self.pictures = torch.from_numpy(all_pictures(clip))

        def __len__(self) -> int:
            return len(self.pictures)

        def get_frames_at(self, indices: list[int]) -> types.SimpleNamespace:
            return types.SimpleNamespace(data=self.pictures[indices])

    with_module(monkeypatch, "torchcodec", "torchcodec.decoders", VideoDecoder=Decoder)
    assert doctor.check_decoders()["torchcodec (not used)"] == "exact"


def test_a_package_that_cannot_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_version", lambda asked: "1" if asked == "torchcodec" else doctor.NOT_INSTALLED)

    def fail(name: str) -> None:
        raise RuntimeError("Could not load libtorchcodec.\nMore lines")

    monkeypatch.setattr("importlib.import_module", fail)
    assert doctor.check_decoders()["torchcodec (not used)"] == "cannot be loaded: Could not load libtorchcodec."


def test_two_packages_of_one_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_version", lambda asked: "1" if "decord" in asked else doctor.NOT_INSTALLED)
    verdicts = doctor.check_decoders()
    for name in ("decord", "decord2 (not used)"):
        assert verdicts[name] == "unclear: decord and decord2 are one module; uninstall one of them"


@pytest.mark.parametrize(
    ("outcome", "verdict"),
    [
        (np.zeros(2, np.uint8), "exact"),
        (np.ones(2, np.uint8), "wrong: its pixels are not PyAV's"),
        ("no driver", "no NVDEC here: no driver"),
    ],
)
def test_nvdec_is_exact_where_every_pixel_is_pyavs(
    monkeypatch: pytest.MonkeyPatch, outcome: np.ndarray | str, verdict: str
) -> None:
    def decode(tasks: list[DecodeTask], **_limits: object) -> Iterator[object]:
        assert [task.decoder for task in tasks] == ["pyav", "nvdec"]
        with av.open(tasks[0].path) as container:
            assert container.streams.video[0].codec_context.name == "h264"
        for content in (np.zeros(2, np.uint8), outcome):
            if isinstance(content, str):
                yield Failure("numbered", "decode", content)
            else:
                yield "numbered", Clip(content, np.zeros((1, 1), np.int64), 2)

    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr(doctor, "decode_all", decode)
    assert doctor.check_decoders()["nvdec"] == verdict
    if verdict == "exact":
        doctor.check_decoder("nvdec")
    else:
        with pytest.raises(
            UserError, match=f"the decoder nvdec is refused here .{verdict}.; use the decoder pyav .--decoder pyav."
        ):
            doctor.check_decoder("nvdec")


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARLY_WEIGHTS", "~nobody-has-this-name/weights")
    assert "set EARLY_WEIGHTS or HOME" in doctor.describe_machine()["weights folder"]


def test_describe_has_versions_and_devices() -> None:
    facts = doctor.describe_machine()
    assert {
        "early-recognition",
        "python",
        "machine",
        "gpu",
        "torch",
        "openvino",
        "timm",
        "av",
        "decord",
        "h5py",
    } <= facts.keys()
    for name in ("early-recognition", "python", "torch", "timm", "av", "h5py"):
        assert facts[name][0].isdigit(), name
    assert "torch threads" in facts["machine"]
    assert all(isinstance(fact, str) and fact for fact in facts.values())


def test_json_for_programs() -> None:
    result = CliRunner().invoke(app, ["doctor", "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert told["decoders"]["pyav"] == "exact"
    assert told["machine"] == doctor.describe_machine()


def test_a_wrong_pyav_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    sabotage(monkeypatch, lambda clip: reversed(list(READ(clip))))
    with pytest.raises(UserError, match="PyAV does not decode exactly here"):
        CliRunner().invoke(app, ["doctor"], catch_exceptions=False)


@settings(deadline=None, max_examples=150)
@given(number=st.integers(0, 2**16 - 1), width=st.integers(64, 161), height=st.integers(64, 121))
def test_every_number_can_be_read_off_its_picture(number: int, width: int, height: int) -> None:
    picture = _draw(number, width, height)
    assert (picture.shape, picture.dtype) == ((height, width, 3), np.uint8)
    assert read_number(picture) == number


@pytest.mark.parametrize("number", [0, *(1 << bit for bit in range(16)), 2**16 - 1])
def test_every_bit_stands_alone(number: int) -> None:
    assert read_number(_draw(number, 65, 67)) == number
