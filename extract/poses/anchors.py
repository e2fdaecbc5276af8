"""The anchors of the person detector: the places in its input to which its 2254 outputs are relative."""

import functools

import numpy as np
from numpy.typing import NDArray

SIDE = 224  # pixels of the detector's square input
# The cells of a row of the grids, and the anchors in each cell: two for each layer of the network (its strides are 8,
# 16 and three times 32). All anchors have the size of the whole input, so a layer gives its cell twice.
GRIDS = ((SIDE // 8, 2), (SIDE // 16, 2), (SIDE // 32, 6))


@functools.cache
def anchor_centres() -> NDArray[np.float64]:
    """Return (2254, 2): x and y of each anchor's centre, from 0 to 1. Cells are in rows; an anchor's twins follow it.

    Source: MediaPipe, `pose_detection_cpu.pbtxt` (SsdAnchorsCalculator with fixed_anchor_size).
    """
    grids = []
    for cells, in_cell in GRIDS:
        places = (np.arange(cells) + 0.5) / cells
        y, x = np.meshgrid(places, places, indexing="ij")
        grids.append(np.stack([x, y], axis=-1).reshape(-1, 2).repeat(in_cell, axis=0))
    return np.concatenate(grids)
