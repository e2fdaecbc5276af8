"""How busy a GPU is while a `with` block runs, as reported by nvidia-smi."""

import subprocess
import threading
from statistics import mean

SECONDS = 0.2  # between two calls of nvidia-smi


class GpuLoad:
    """Context that calls nvidia-smi again and again to measure how busy a GPU is.

    Args:
        uuid: of the GPU, as torch and CUDA_VISIBLE_DEVICES know it, without "GPU-".
    """

    def __init__(self, uuid: str) -> None:
        self._command = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
        self._command += ["-i", f"GPU-{uuid}"]
        self._loads: list[float] = []
        self._problem = "nvidia-smi had no time to answer"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask, name="gpu-load", daemon=True)

    def __enter__(self) -> "GpuLoad":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        self._thread.join()

    def mean(self) -> float | str:
        """Return the mean share of time that the GPU was busy, 0 … 1, or why it is unknown."""
        return mean(self._loads) / 100 if self._loads else self._problem

    def _ask(self) -> None:
        while not self._stop.wait(SECONDS):
            try:
                output = subprocess.run(self._command, capture_output=True, text=True, timeout=10, check=False).stdout
                self._loads.append(float(output))
            except (OSError, subprocess.TimeoutExpired) as error:
                self._problem = f"nvidia-smi cannot be called: {error}"
            except ValueError:
                self._problem = f"nvidia-smi answers {output.strip()!r}"
