"""What features are made with: `Machine`. What the features are is decided by a recipe's section `extract`."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Machine:
    """Device, processes and decoder of a run.

    Runs may differ in these without a change of any value. The exceptions are `decoder`, `compiled`, `threads` and
    `runtime`.

    Attributes:
        device: "auto", "cpu", "cuda", "cuda:1".
        workers: number of decode processes.
        deadline: seconds without a new frame after which a clip's decoder is killed.
        decoder: a name of `extract.decoding.decoders.DECODERS`.
        compiled: use `torch.compile`.
        threads: of the network on a CPU; they decide the last bits of a value. None: torch's own default, or for
            OpenVINO all cores that the process may use.
        weights_folder: folder of the weights files; None: the default of `extract.networks.weights`.
        runtime: what computes the network on a CPU: a name of `extract.runtimes.RUNTIMES`, or "auto". On a GPU it is
            always torch. The default is that of plans which were written before there was a choice.
    """

    device: str = "auto"
    workers: int = 2
    deadline: float = 60.0
    decoder: str = "pyav"
    compiled: bool = False
    threads: int | None = None
    weights_folder: Path | None = None
    runtime: str = "torch"
