"""The outputs at ten observation ratios, of clips that differ in their number of segments.

Segments that last a fixed time do not end at the observation ratios. So the output at ratio n/10 of a clip with M
segments is that after floor(n·M/10) segments: it never depends on more than was observed. Where not even the first
segment has ended, all classes have the same probability.
"""

import torch
from torch import Tensor

RATIOS = 10  # 10 %, 20 %, … 100 %


def at_ratios(logits: Tensor, lengths: Tensor) -> Tensor:
    """Return the logits at the ten ratios: (..., clips, N, C) → (..., clips, 10, C).

    Args:
        logits: after each segment.
        lengths: (clips,), M of each clip.
    """
    nothing = torch.zeros_like(logits[..., :1, :])
    levels = torch.arange(1, RATIOS + 1, device=lengths.device) * lengths[:, None] // RATIOS  # (clips, 10), 0 … M
    chosen = levels[..., None].expand(*logits.shape[:-2], RATIOS, logits.shape[-1])
    return torch.cat([nothing, logits], -2).gather(-2, chosen)
