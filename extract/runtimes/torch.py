"""torch as the runtime, on CPUs and GPUs, with `torch.compile` where that is asked for."""

import torch
from torch import Tensor, nn

from extract.runtimes.runtime import Preparation, Prepared, Runtime

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class TorchRuntime(Runtime):
    """torch's own kernels, with convolutions in the memory format channels_last."""

    def prepare(self, network: nn.Module, example: Tensor, how: Preparation) -> Prepared:
        """Return the network on the device. It takes inputs of any shape."""
        dtype = DTYPES[how.precision]
        network = network.to(how.device, dtype)
        for weight in network.parameters():
            if weight.dim() == 4:  # `network.to(memory_format=…)` fails on the 5-D weights of non-local blocks
                weight.data = weight.data.contiguous(memory_format=torch.channels_last)
        # With dynamic shapes the kernels of a shape would depend on the shapes before it.
        ready = torch.compile(network, dynamic=False) if how.compiled else network

        def compute(images: Tensor) -> Tensor:
            if how.casts_input:
                images = images.to(dtype)
            if images.dim() == 4:
                images = images.contiguous(memory_format=torch.channels_last)
            features: Tensor = ready(images)
            return features

        return Prepared(compute)


TORCH = TorchRuntime(title="torch", package="torch", on_gpu=True)
