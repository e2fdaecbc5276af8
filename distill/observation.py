"""The outputs at ten observation ratios, of clips that differ in their number of segments.

Segments that last a fixed time do not end at the observation ratios. A clip with M segments is as long as M - 1/2
segments or longer, because its last one may be cut. So the output at ratio n/10 is that after floor(n·(M - 1/2)/10)
segments, and at ratio 1 that after all M: it never depends on more than was observed. Where the first segment has not
ended, all classes have the same probability.
"""

import torch
from torch import Tensor

RATIOS = 10  # 10 %, 20 %, … 100 %


def at_ratios(outputs: Tensor, lengths: Tensor, before: float = 0.0) -> Tensor:
    """Return logits, scores or probabilities at the ten ratios: (..., clips, N, C) → (..., clips, 10, C).

    Args:
        outputs: after each segment; those after segment M are not read.
        lengths: (clips,), M of each clip.
        before: what each class has where the first segment has not ended: 0 for logits, 1/C for probabilities.
    """
    nothing = torch.full_like(outputs[..., :1, :], before)
    ratios = torch.arange(1, RATIOS, device=lengths.device)
    seen = ratios * (2 * lengths[:, None] - 1) // (2 * RATIOS)  # (clips, 9), 0 … M - 1
    levels = torch.cat([seen, lengths[:, None]], 1)
    chosen = levels[..., None].expand(*outputs.shape[:-2], RATIOS, outputs.shape[-1])
    return torch.cat([nothing, outputs], -2).gather(-2, chosen)
