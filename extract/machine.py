"""What a clip's features are made with. Nothing of what they are: that is the recipe's table `extract`."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Machine:
    """What may differ between runs without changing a value, except for the decoder, torch.compile and the threads.

    Attributes:
        device: "auto", "cpu", "cuda", "cuda:1".
        workers: decode processes.
        deadline: seconds without a new frame after which a clip's decoder is killed.
        decoder: a name of `extract.decoding.decoders.DECODERS`.
        compiled: use `torch.compile`.
        threads: of torch on a CPU, which decide the last bits of a value; None: as many as torch takes.
        weights_folder: where weights files are; None: the default of `extract.networks.weights`.
    """

    device: str = "auto"
    workers: int = 2
    deadline: float = 60.0
    decoder: str = "pyav"
    compiled: bool = False
    threads: int | None = None
    weights_folder: Path | None = None
