"""A network that becomes a file, and the entry of a file format."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from common.errors import UserError
from extract.networks.timm_models import first_line
from extract.runtimes.exported import export_network

Compute = Callable[[list[Tensor]], list[Tensor]]  # the inputs of a graph in order → its outputs in order
TOLERANCE = 1e-4  # of the length of an output; of a wrong graph it is about 1
BATCHES = (1, 3)  # sizes of the batches with which a file is compared with its network


@dataclass(frozen=True)
class Graph:
    """A network that becomes a file.

    Attributes:
        name: of the file, without a suffix.
        network: in evaluation mode, float32, on the CPU.
        inputs: by name, the shape of each input without its batch.
        outputs: the names of the outputs.
    """

    name: str
    network: nn.Module
    inputs: Mapping[str, tuple[int, ...]]
    outputs: tuple[str, ...]

    def examples(self, batch: int) -> tuple[Tensor, ...]:
        """Return random inputs, each (batch, …)."""
        generator = torch.Generator().manual_seed(batch)
        return tuple(torch.rand((batch, *shape), generator=generator) for shape in self.inputs.values())

    def dynamic_shapes(self, examples: tuple[Tensor, ...]) -> Any:
        """Return which axes of the inputs have no fixed length, as `torch.export` takes it: the first, of all."""
        batch = torch.export.Dim("batch", min=1)
        shapes: Any = torch.export.ShapesCollection()  # type: ignore[no-untyped-call]
        for example in examples:
            shapes[example] = {0: batch}
        return shapes.dynamic_shapes(self.network, examples)

    def program(self) -> Any:
        """Return the graph of the network, a `torch.export.ExportedProgram`, for batches of any size.

        It has neither the examples nor the traces of the code, with the paths of this machine.
        """
        examples = self.examples(2)  # an axis of length 1 would be taken for a fixed one
        program = export_network(self.network, examples, self.dynamic_shapes(examples))
        program.example_inputs = None
        for node in program.graph.nodes:
            node.meta.pop("stack_trace", None)
        return program


@dataclass(frozen=True)
class GraphFormat(ABC):
    """A format that `export --format` can choose.

    Attributes:
        title: what it is, in a few words.
        packages: the distributions that it needs.
        install: the command that installs them.
    """

    title: str
    packages: tuple[str, ...]
    install: str = ""

    def versions(self) -> dict[str, str]:
        """Return the versions of the packages.

        Raises:
            UserError: one is not installed.
        """
        try:
            return {name: version(name) for name in self.packages}
        except PackageNotFoundError as error:
            raise UserError(f"{self.title} needs the package {error.name}: {self.install}") from error

    @abstractmethod
    def write(self, graph: Graph, folder: Path) -> tuple[str, ...]:
        """Write a graph into a folder and return the names of the files. The first of them is the one to open.

        Raises:
            Exception: the network cannot be written in this format; of many types.
        """

    @abstractmethod
    def open(self, file: Path) -> Compute:
        """Return the graph of a file, ready to be computed on a CPU in float32."""


def write_checked(graph: Graph, form: GraphFormat, folder: Path) -> tuple[str, ...]:
    """Write a graph, compare the file with the network on random inputs, and return the names of the files.

    Raises:
        UserError: the network cannot be written in this format, or the file computes something else.
    """
    try:
        files = form.write(graph, folder)
        compute = form.open(folder / files[0])
        differences = [_difference(graph, compute, batch) for batch in BATCHES]
    except OSError:
        raise
    except Exception as error:  # exporters raise exceptions of many types
        raise UserError(f"{graph.name} cannot be written as {form.title}: {first_line(error)}") from error
    if not max(differences) <= TOLERANCE:  # also if it is not a number
        raise UserError(
            f"{graph.name} as {form.title} differs from the network by {max(differences):.2g} of the outputs' length, "
            "so it was not written; choose another format"
        )
    return files


@torch.no_grad()
def _difference(graph: Graph, compute: Compute, batch: int) -> float:
    """Return the largest difference of an output, relative to its length."""
    inputs = graph.examples(batch)
    expected = graph.network(*inputs)
    outputs = (expected,) if isinstance(expected, Tensor) else expected
    pairs = zip(outputs, compute(list(inputs)), strict=True)
    differences = torch.stack([(found - wanted).norm() / wanted.norm() for wanted, found in pairs])
    return float(differences.max())  # `max` of torch keeps what is not a number
