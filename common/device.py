"""Which processor work runs on: the choice of a device, and its name in settings."""

import platform
import re
from pathlib import Path

import torch

from common.errors import UserError


def choose_device(name: str) -> str:
    """Return the device to run on: "auto" is the first GPU, else the CPU.

    Raises:
        UserError: no such device, or a GPU is asked for that torch does not see.
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if not (known := re.fullmatch(r"cpu|cuda(?::(\d+))?", name)):
        raise UserError(f"no device {name!r}; give --device auto, cpu, cuda or cuda:1")
    if name != "cpu" and int(known[1] or 0) >= torch.cuda.device_count():
        raise UserError(f"device {name!r}: torch sees no such GPU here; use --device cpu")
    return name


def device_name(device: torch.device) -> str:
    """Name what decides the last bits of a value: the GPU's model, or the CPU's instruction set and threads."""
    if device.type == "cuda":
        return f"cuda ({torch.cuda.get_device_name(device)})"
    return f"cpu ({_cpu_model()}, {torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} threads)"


def _cpu_model() -> str:
    """Return the CPU's model: libraries choose kernels by it, not by the instruction set alone."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
