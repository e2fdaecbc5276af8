"""torch.export: a file that `torch.export.load` reads, without the code of this project.

TorchScript is not offered: it drops assignments to slices without an error.
"""

from pathlib import Path

import torch
from torch import Tensor

from evaluate.graphs.formats.graph import Compute, Graph, GraphFormat


class TorchFormat(GraphFormat):
    """One .pt2 file."""

    def write(self, graph: Graph, folder: Path) -> tuple[str, ...]:
        """Write NAME.pt2."""
        name = f"{graph.name}.pt2"
        torch.export.save(graph.program(), folder / name)
        return (name,)

    def open(self, file: Path) -> Compute:
        """Return the graph in torch."""
        network = torch.export.load(file).module()

        def compute(inputs: list[Tensor]) -> list[Tensor]:
            with torch.no_grad():
                outputs = network(*inputs)
            return [outputs] if isinstance(outputs, Tensor) else list(outputs)

        return compute


TORCH = TorchFormat(title="torch.export", packages=("torch",))
