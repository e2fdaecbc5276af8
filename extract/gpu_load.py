"""How busy a GPU is while something runs, as nvidia-smi tells. Needs nothing of the process that keeps it busy."""

import subprocess
import threading
from statistics import mean

SECONDS = 0.2  # between two questions


class GpuLoad:
    """Within its `with`, asks again and again how busy a GPU is.

    Args:
        uuid: of the GPU, as torch and CUDA_VISIBLE_DEVICES know it, without "GPU-".
    """

    def __init__(self, uuid: str) -> None:
        self._command = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
        self._command += ["-i", f"GPU-{uuid}"]
        self._seen: list[float] = []
        self._trouble = "nvidia-smi had no time to answer"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask, name="gpu-load", daemon=True)

    def __enter__(self) -> "GpuLoad":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        self._thread.join()

    def mean(self) -> float | str:
        """Return the mean share of time that the GPU was busy, 0 … 1, or why that is not known."""
        return mean(self._seen) / 100 if self._seen else self._trouble

    def _ask(self) -> None:
        while not self._stop.wait(SECONDS):
            try:
                said = subprocess.run(self._command, capture_output=True, text=True, timeout=10, check=False).stdout
                self._seen.append(float(said))
            except (OSError, subprocess.TimeoutExpired) as error:
                self._trouble = f"nvidia-smi cannot be asked: {error}"
            except ValueError:
                self._trouble = f"nvidia-smi says {said.strip()!r}"
