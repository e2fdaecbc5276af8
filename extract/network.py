"""A backbone on a device: one clip in, a video's frames or a skeleton's points, its (N, D) features out.

Batches are cut out of one clip, always the same way, so a clip's features never depend on its neighbours. Nothing
here decodes.
"""

import ctypes
import re
import sys

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from extract.backbone import CPU_FRAMES, Backbone
from extract.clip import Clip
from manifests.errors import UserError

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class SegmentNetwork:
    """Callable from a decoded clip to its segment features.

    Args:
        backbone: network, what is fed to it, and their settings.
        device: "cpu", "cuda" or "cuda:1"; see `choose_device`.
        precision: "fp32" (true fp32: no TF32), "bf16" or "fp16"; features are float32 always.
        compiled: run the network through `torch.compile`.
    """

    def __init__(self, backbone: Backbone, *, device: str, precision: str = "fp32", compiled: bool = False) -> None:
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.deterministic = True
        _keep_freed_memory()
        self.backbone = backbone
        self.device = torch.device(device)
        self.dtype = DTYPES[precision]
        network = backbone.network.to(self.device, self.dtype)
        for weight in network.parameters():
            if weight.dim() == 4:  # `network.to(memory_format=…)` stumbles over the 5-D ones of non-local blocks
                weight.data = weight.data.contiguous(memory_format=torch.channels_last)
        self.network = torch.compile(network) if compiled else network
        self.settings = {"precision": precision, "compiled": compiled, "device": device_name(self.device)}

    @torch.inference_mode()
    def __call__(self, clip: Clip) -> NDArray[np.float32]:
        """Return the clip's features, (N, D): each segment's images through the network, pooled."""
        joints = self.backbone.joints
        if joints and (clip.segments[..., 2] != joints).any():
            raise UserError(f"the network was trained on skeletons of {joints} joints, and these have others")
        content = torch.from_numpy(clip.content).to(self.device, non_blocking=True)
        chosen = torch.from_numpy(clip.segments).to(self.device)
        images = self.backbone.draw(content, chosen)  # (N, F, 3, S, S)
        segments, frames_per_segment = images.shape[:2]
        at_once = segments if self.device.type == "cuda" else _even_share(segments, CPU_FRAMES // frames_per_segment)
        pooled = [self._pooled(batch.flatten(0, 1)) for batch in torch.split(images, at_once)]  # no segment is divided
        every = torch.cat(pooled).view(segments, frames_per_segment, -1)  # (N, F, D)
        features = every.mean(1) if self.backbone.pooling == "mean" else every.flatten(1)
        on_host: NDArray[np.float32] = features.cpu().numpy()
        return on_host

    def _pooled(self, images: Tensor) -> Tensor:
        if self.backbone.input == "video":
            images = images.to(self.dtype)
        if images.dim() == 4:
            images = images.contiguous(memory_format=torch.channels_last)
        pooled: Tensor = self.network(images).float()  # (B, D)
        return pooled


def _even_share(segments: int, most: int) -> int:
    """Return the largest divisor of `segments` that is at most `most`, so that every batch has the same shape."""
    return max(share for share in range(1, segments + 1) if segments % share == 0 and share <= max(most, 1))


def _keep_freed_memory() -> None:
    """Let glibc keep freed blocks. By default it hands each activation back to the kernel, and half of a CPU's time
    on a network of large images went into getting the same pages again (measured: 1.9 s a clip became 0.9 s).
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        trim_threshold, mmap_threshold = -1, -3  # from malloc.h
        libc.mallopt(mmap_threshold, 1 << 30)
        libc.mallopt(trim_threshold, (1 << 31) - 1)


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
    return f"cpu ({torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} threads)"
