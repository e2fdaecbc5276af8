"""How many CPU cores this process may use."""

import os
from pathlib import Path


def usable_cores() -> int:
    """Return how many cores this process may use. A scheduler or a container may grant fewer than the machine has."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(allowed, int(quota) // int(period)))
    except (OSError, ValueError):  # no cgroup, or "max"
        return allowed
