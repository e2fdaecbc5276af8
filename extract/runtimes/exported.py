"""A network as a graph of `torch.export`, from which other runtimes and file formats are made."""

import logging
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

Made = TypeVar("Made")


def export_network(network: nn.Module, examples: tuple[Tensor, ...], dynamic_shapes: Any = None) -> Any:
    """Return the graph of a network, a `torch.export.ExportedProgram`.

    Args:
        network: in evaluation mode.
        examples: an example of each input.
        dynamic_shapes: as in `torch.export.export`; None: all inputs have the shapes of the examples.

    Raises:
        Exception: the network cannot be exported; of many types.
    """
    return quietly(lambda: torch.export.export(network, examples, dynamic_shapes=dynamic_shapes))


def quietly(export: Callable[[], Made]) -> Made:
    """Return what an exporter makes, without gradients and without the exporter's warnings."""
    # Where torch comes without triton, the exporter's import of this module prints a warning about it.
    logging.getLogger("torch.utils.flop_counter").setLevel(logging.ERROR)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return export()
