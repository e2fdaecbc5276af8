"""Synthetic NTU `.skeleton` files for `bench` and tests: one body of 25 joints that moves at random."""

from pathlib import Path

import numpy as np

BODY_ID = 72057594037931101


def write_synthetic_skeleton(path: Path, num_frames: int, seed: int = 0) -> None:
    """Write a recording of one body: metres with seven digits, and fixed values for pixels and orientations."""
    chance = np.random.default_rng(seed)
    joints = chance.uniform([-0.4, -0.9, 3.0], [0.4, 0.9, 3.2], (25, 3))
    lines = [f"{num_frames}"]
    for frame in joints + 0.02 * chance.standard_normal((num_frames, 25, 3)).cumsum(axis=0):
        lines += ["1", f"{BODY_ID} 0 1 1 1 1 0 0.0276471 0.0574508 2", "25"]
        for x, y, z in frame.tolist():
            lines.append(f"{x:.7g} {y:.7g} {z:.7g} 277.419 191.8218 1036.233 519.1677 -0.2059 0.0535 0.9692 -0.1239 2")
    path.write_bytes("".join(f"{line}\r\n" for line in lines).encode())
