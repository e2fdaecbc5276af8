"""The processor that torch runs on: the choice of a device, and its name in settings.

torch is imported in functions, because `submit` checks a device's name and needs no torch.
"""

import platform
import re
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import UserError

if TYPE_CHECKING:
    import torch


def choose_device(name: str) -> str:
    """Return the device to run on.

    Args:
        name: "cpu", "cuda", "cuda:1", …; "auto" is the first GPU, or the CPU if there is no GPU.

    Raises:
        UserError: there is no such device.
    """
    import torch

    check_device_name(name)
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name != "cpu" and int(name.partition(":")[2] or 0) >= torch.cuda.device_count():
        raise UserError(f"device {name!r}: torch sees no such GPU here; use the device cpu (--device cpu)")
    return name


def check_device_name(name: str) -> None:
    """Refuse a name that no device has, on any machine.

    Raises:
        UserError: naming the devices.
    """
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", name):
        hint = f"did you mean {name.replace('gpu', 'cuda')!r}? " if re.fullmatch(r"gpu(:\d+)?", name) else ""
        raise UserError(f"no device {name!r}; {hint}known: auto, cpu, cuda, cuda:1 (--device)")


def device_name(device: "torch.device", threads: int | None = None) -> str:
    """Return the properties of a device that the last bits of results depend on.

    These are the model of a GPU, or the model, instruction set and number of threads of a CPU.

    Args:
        device: the device.
        threads: on a CPU; None: torch's.
    """
    import torch

    if device.type == "cuda":
        return f"cuda ({torch.cuda.get_device_name(device)})"
    threads = threads or torch.get_num_threads()
    return f"cpu ({_cpu_model()}, {torch.backends.cpu.get_cpu_capability()}, {threads} threads)"


def _cpu_model() -> str:
    """Return the model of the CPU. Libraries choose their kernels by it, and not only by the instruction set."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
