"""Delete what is loaded only with a GPU from an environment: Triton, CUDA's Python, and files of NVIDIA's packages.

The lock has one torch, the one for CUDA. It starts without Triton and CUDA's Python, but it is linked against CUDA's
libraries. It loads most of the other NVIDIA files only with a GPU. Files that are mapped after torch was imported are
kept, the others are deleted. torch itself is not changed.
"""

import shutil
import sysconfig
from pathlib import Path

MODULES = ("triton", "cuda")  # torch imports them only if they exist
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
    import torch  # noqa: F401  after the modules were deleted
    import torchvision  # noqa: F401

    drop_libraries(site_packages, mapped_files())
