"""Deletes what only a GPU loads from an environment for a CPU: Triton, CUDA's Python, and files of NVIDIA's packages.

The lock has one torch. It does without the first two, but is linked against CUDA's libraries and does not start without
them; of what comes beside them it loads most when there is a GPU. So what is mapped once torch is imported stays, and
the rest goes. torch itself is left as it is.
"""

import shutil
import sysconfig
from pathlib import Path

MODULES = ("triton", "cuda")  # imported where they are there
LIBRARIES = "nvidia"


def drop_modules(packages: Path) -> None:
    """Delete `MODULES` from the site-packages of an environment."""
    for module in MODULES:
        shutil.rmtree(packages / module)


def drop_libraries(packages: Path, mapped: set[Path]) -> None:
    """Delete the files in `LIBRARIES` that are not mapped.

    Args:
        packages: the environment's site-packages.
        mapped: files that a process has in its memory.
    """
    for path in (packages / LIBRARIES).rglob("*"):
        if path.is_file() and path not in mapped:
            path.unlink()


def mapped_files() -> set[Path]:
    """Return the files that this process has in its memory."""
    maps = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    return {Path(line.split(maxsplit=5)[5]) for line in maps if "/" in line}


if __name__ == "__main__":
    site_packages = Path(sysconfig.get_path("platlib"))
    drop_modules(site_packages)
    import torch  # noqa: F401  only now, without the modules
    import torchvision  # noqa: F401

    drop_libraries(site_packages, mapped_files())
