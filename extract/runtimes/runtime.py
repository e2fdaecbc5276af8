"""The entry of a runtime: what computes a network on a device."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

Compute = Callable[[Tensor], Tensor]  # images (B, …) → features (B, D), both on the device
ComputeGraph = Callable[[tuple[Tensor, ...]], tuple[Tensor, ...]]  # inputs → outputs, all on the device


class CannotPrepare(Exception):
    """A runtime cannot compute this network, or not on this machine. The text is the reason, for a sentence."""


class NotInstalled(CannotPrepare):
    """The package of a runtime is missing. The text says how to install it."""


@dataclass(frozen=True)
class Preparation:
    """What a runtime needs to know beside the network.

    Attributes:
        device: where the network is computed.
        precision: "fp32", "bf16" or "fp16".
        casts_input: the input is cast to the precision; else it stays float32, and the network casts it.
        threads: on a CPU; None: the runtime's own default.
        compiled: use `torch.compile`.
    """

    device: torch.device
    precision: str
    casts_input: bool
    threads: int | None = None
    compiled: bool = False


@dataclass(frozen=True)
class Prepared:
    """A network that can be computed.

    Attributes:
        compute: the network. On a CPU it takes only images of the shape that it was prepared for.
        settings: what the settings of a cache say about the runtime. torch has none: its caches had no such setting.
        threads: the number of threads that last bits may depend on; None: torch's.
    """

    compute: Compute
    settings: Mapping[str, object] = field(default_factory=dict)
    threads: int | None = None


@dataclass(frozen=True)
class PreparedGraph:
    """A network of several inputs or outputs that can be computed. The attributes are those of `Prepared`."""

    compute: ComputeGraph
    settings: Mapping[str, object] = field(default_factory=dict)
    threads: int | None = None


@dataclass(frozen=True)
class Runtime(ABC):
    """A runtime that `--runtime` can choose.

    Attributes:
        title: what it is, in a few words.
        package: the distribution that it needs.
        on_gpu: it computes on GPUs too.
    """

    title: str
    package: str
    on_gpu: bool

    def prepare(self, network: nn.Module, example: Tensor, how: Preparation) -> Prepared:
        """Return a network that is ready to be computed.

        Args:
            network: on the CPU, in float32, with folded normalisations. It may be changed.
            example: an input on the CPU, float32. On a CPU all inputs have this shape (B, …).
            how: the device, the precision and the threads.

        Raises:
            CannotPrepare: the runtime cannot compute this network here.
        """
        graph = self.prepare_graph(network, (example,), how)

        def compute(images: Tensor) -> Tensor:
            (features,) = graph.compute((images,))
            return features

        return Prepared(compute, graph.settings, graph.threads)

    @abstractmethod
    def prepare_graph(self, network: nn.Module, examples: tuple[Tensor, ...], how: Preparation) -> PreparedGraph:
        """Return a network of several inputs that is ready to be computed.

        Args:
            network: as in `prepare`; it gives one tensor, or several as a tuple.
            examples: an example of each input.
            how: as in `prepare`.

        Raises:
            CannotPrepare: the runtime cannot compute this network here.
        """
