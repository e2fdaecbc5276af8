"""Copies arrays to a device without waiting for it, through pinned memory, from which a GPU copies by itself.

On a CPU it makes a plain copy.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

PIECE = 1 << 25  # bytes in each of the two pinned buffers; larger data are sent in pieces


class DeviceUpload:
    """Sends arrays to a device through two pinned buffers: one is filled while the other is copied.

    Args:
        device: where the arrays go. On a GPU they are sent on the stream that is current at the call.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.pinned = [torch.empty(0, dtype=torch.uint8)] * 2
        self.sent: list[torch.cuda.Event | None] = [None, None]
        self.turn = 0

    def __call__(self, content: NDArray[np.uint8] | NDArray[np.float32]) -> Tensor:
        """Return a copy of an array on the device. The array may be changed after the call."""
        self.turn = turn = 1 - self.turn
        if (sent := self.sent[turn]) is not None:
            sent.synchronize()
        cuda = self.device.type == "cuda"
        if self.pinned[turn].numel() < content.nbytes:
            self.pinned[turn] = torch.empty(max(content.nbytes, PIECE), dtype=torch.uint8, pin_memory=cuda)
        source = torch.from_numpy(content)
        buffer = self.pinned[turn][: content.nbytes].view(source.dtype).view(source.shape).copy_(source)
        on_device = buffer.to(self.device, non_blocking=True, copy=True)
        self.sent[turn] = mark(torch.cuda.current_stream(self.device) if cuda else None)
        return on_device


def mark(stream: torch.cuda.Stream | None) -> torch.cuda.Event | None:
    """Return an event at the current end of a stream; None on a CPU, where calls return when they are done."""
    if stream is None:
        return None
    # blocking: a thread that waits leaves its core to the decoders.
    event = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
    event.record(stream)
    return event
