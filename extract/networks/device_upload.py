"""Arrays to a device without waiting for it: through pinned memory, from which a GPU fetches by itself.

Works on a CPU too, with a copy instead of a transfer. What the arrays are is not known here.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

PIECE = 1 << 25  # bytes of pinned memory that are kept, twice; who has more sends it in pieces


class DeviceUpload:
    """Sends arrays to a device through two pinned buffers: one is filled while the other is on its way.

    Args:
        device: where to. On a GPU arrays are sent on the stream that is current at the call.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.pinned = [torch.empty(0, dtype=torch.uint8)] * 2
        self.sent: list[torch.cuda.Event | None] = [None, None]
        self.turn = 0

    def __call__(self, content: NDArray[np.uint8] | NDArray[np.float32]) -> Tensor:
        """Return a copy of an array on the device; the array may be changed at once."""
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
    """Note how far a stream has got; None on a CPU, where everything is done when its call returns."""
    if stream is None:
        return None
    # Who waits for it leaves its core to the decoders.
    event = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
    event.record(stream)
    return event
