"""A network with an input of one shape, whose positions hold the images of several clips: the trials before its use.

The position of a clip must not change its features, and on a GPU the network is recorded as a graph.
"""

from collections.abc import Callable

import torch
from torch import Tensor

Segments = Callable[[Tensor], Tensor]  # images (B, F, …) of B segments → features (B, D) float32


class FixedInput:
    """A network and the memory of its input.

    Args:
        segments: the network.
        images: the memory, (positions, F, …), which the caller fills before each `compute`.
        clip_positions: how many positions a clip takes at most.
        per_frame: a position holds a single frame, and a clip may begin at any position.
    """

    def __init__(self, segments: Segments, images: Tensor, clip_positions: int, per_frame: bool) -> None:
        self.segments = segments
        self.images = images
        self.clip_positions = clip_positions
        self.per_frame = per_frame
        self.graph: torch.cuda.CUDAGraph | None = None
        self.output: Tensor | None = None

    @torch.inference_mode()
    def compute(self) -> Tensor:
        """Return the features of the input, (positions, D), on the device."""
        if self.graph is None or self.output is None:
            return self.segments(self.images)
        self.graph.replay()
        return self.output

    @torch.inference_mode()
    def position_matters(self) -> bool:
        """Tell whether a clip gets other bits at another position, beside other clips. The input is overwritten."""
        device = self.images.device
        noise = torch.Generator(device).manual_seed(0)
        first, other, later = (
            torch.rand(self.images.shape, generator=noise, device=device, dtype=torch.float32) for _ in range(3)
        )
        length = self.clip_positions
        other[-length:], other[:length] = first[:length], first[-length:]
        later[1:] = first[:-1]  # with single frames a clip may begin at any position
        tried = (first, other, later) if self.per_frame else (first, other)
        bits = [self.segments(self.images.copy_(images)).view(torch.int32).clone() for images in tried]
        before, after = bits[:2]
        same = torch.equal(before[:length], after[-length:]) and torch.equal(before[-length:], after[:length])
        return not (same and all(torch.equal(before[:-1], moved[1:]) for moved in bits[2:]))

    @torch.inference_mode()
    def record(self) -> None:
        """Record the network as a CUDA graph, started by the host as a whole; keep it only if the bits are the same.

        A graph needs a first run of the network, as by `position_matters`.
        """
        expected = self.segments(self.images)
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph):
                output = self.segments(self.images)
            graph.replay()
        except RuntimeError:  # an operation waits for the host, so the network is started kernel by kernel
            return
        if torch.equal(output.view(torch.int32), expected.view(torch.int32)):
            self.graph, self.output = graph, output
