"""torch as the runtime, on CPUs and GPUs, with `torch.compile` where that is asked for."""

import torch
from torch import Tensor, nn

from extract.runtimes.runtime import Preparation, PreparedGraph, Runtime

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class TorchRuntime(Runtime):
    """torch's own kernels, with convolutions in the memory format channels_last."""

    def prepare_graph(self, network: nn.Module, examples: tuple[Tensor, ...], how: Preparation) -> PreparedGraph:
        """Return the network on the device. It takes inputs of any shape."""
        dtype = DTYPES[how.precision]
        network = network.to(how.device, dtype)
        for weight in network.parameters():
            if weight.dim() == 4:  # `network.to(memory_format=…)` fails on the 5-D weights of non-local blocks
                weight.data = weight.data.contiguous(memory_format=torch.channels_last)
        # With dynamic shapes the kernels of a shape would depend on the shapes before it.
        ready = torch.compile(network, dynamic=False) if how.compiled else network

        def laid_out(images: Tensor) -> Tensor:
            if how.casts_input:
                images = images.to(dtype)
            return images.contiguous(memory_format=torch.channels_last) if images.dim() == 4 else images

        def compute(inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            outputs: Tensor | tuple[Tensor, ...] = ready(*map(laid_out, inputs))
            return (outputs,) if isinstance(outputs, Tensor) else outputs

        return PreparedGraph(compute)


TORCH = TorchRuntime(title="torch", package="torch", on_gpu=True)
