"""OpenVINO as the runtime: the same networks on x86 processors, up to three times as fast as torch.

The network is exported as a graph by `torch.export`. TorchScript, OpenVINO's default, must not be used: it drops the
assignments to slices in the temporal shift without an error, and the features are then those of another network.

The precision is always given, because OpenVINO computes in bf16 by itself on processors with AMX. There is one stream
of work, and the shape of the input is fixed, so the bits of a feature do not depend on other images. With one and
two threads the bits are the same in all networks here. That was measured on two cores, and its library may split a sum
among more threads, so the number of threads is recorded, as torch's is.

Each exported graph is compared with the network in torch on random images before it is used. An export that drops
something is refused in this way, and so are weights whose features are no finite numbers: OpenVINO's ReLU would turn
these into zeros.
"""

from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from common.cores import usable_cores
from extract.openvino_core import NoOpenVino, OpenVinoNotInstalled, import_openvino, in_one_line, openvino_core
from extract.runtimes.exported import export_network
from extract.runtimes.runtime import CannotPrepare, ComputeGraph, NotInstalled, Preparation, PreparedGraph, Runtime

TOLERANCES = {"fp32": 1e-3, "bf16": 0.2, "fp16": 0.2}  # measured: below 1e-5, 0.03 and 0.005; of a wrong graph about 1
HINTS = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}
CAPABILITIES = {"fp32": "FP32", "bf16": "BF16", "fp16": "FP16"}


class OpenVinoRuntime(Runtime):
    """OpenVINO on the CPU."""

    def prepare_graph(self, network: nn.Module, examples: tuple[Tensor, ...], how: Preparation) -> PreparedGraph:
        """Return the network as a graph for inputs of the examples' shapes."""
        if how.device.type != "cpu":
            raise CannotPrepare("it computes on CPUs only")
        if next(network.parameters(), None) is None:
            raise CannotPrepare("the backbone has no network")
        if how.precision != "fp32" and not how.casts_input:
            raise CannotPrepare("the coordinates of skeletons have to stay float32; choose the precision fp32")
        openvino, core = _package_and_core()
        if CAPABILITIES[how.precision] not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise CannotPrepare(f"this processor has no {how.precision}")
        try:
            graph = openvino.convert_model(export_network(network, examples))
            # The conversion forgets the sizes of the batch and of the images. With them, small networks are 1.1 times
            # as fast (measured).
            graph.reshape({place: list(example.shape) for place, example in enumerate(examples)})
            compiled = core.compile_model(graph, "CPU", _properties(how))
        except Exception as error:  # exporters raise exceptions of many types
            raise CannotPrepare(f"the network cannot be exported: {in_one_line(error)}") from error
        _refuse_other_precision(compiled, how.precision)
        compute = _computing(compiled)
        _refuse_other_features(network, compute, examples, how.precision)
        settings = {"runtime": "openvino", "openvino": version("openvino")}
        return PreparedGraph(compute, settings, int(compiled.get_property("INFERENCE_NUM_THREADS")))


def _package_and_core() -> tuple[Any, Any]:
    try:
        return import_openvino(), openvino_core()
    except OpenVinoNotInstalled as error:
        raise NotInstalled(str(error)) from error
    except NoOpenVino as error:
        raise CannotPrepare(str(error)) from error


def _properties(how: Preparation) -> dict[str, object]:
    """Return what a compiled graph is given.

    Threads are not bound to cores, because several processes on one machine would be bound to the same cores.
    """
    return {
        "INFERENCE_PRECISION_HINT": HINTS[how.precision],
        "INFERENCE_NUM_THREADS": how.threads or usable_cores(),
        "NUM_STREAMS": 1,
        "ENABLE_CPU_PINNING": False,
        "ENABLE_HYPER_THREADING": True,  # else the number of threads is at most that of physical cores
    }


def _refuse_other_precision(compiled: Any, precision: str) -> None:
    """Raise a CannotPrepare if OpenVINO did not accept the precision."""
    wanted = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}[precision]
    accepted = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
    if accepted not in (wanted, HINTS[precision]):
        raise CannotPrepare(f"it computes in {accepted} where {precision} is asked for")


@torch.no_grad()
def _refuse_other_features(
    network: nn.Module, compute: ComputeGraph, examples: tuple[Tensor, ...], precision: str
) -> None:
    """Raise a CannotPrepare if the features of random images are not those of the network in torch."""
    generator = torch.Generator().manual_seed(0)
    inputs = tuple(torch.rand(example.shape, generator=generator) for example in examples)
    outputs = network(*inputs)
    for expected, found in zip((outputs,) if isinstance(outputs, Tensor) else outputs, compute(inputs), strict=True):
        difference = float((found - expected).norm() / expected.norm())
        if not difference <= TOLERANCES[precision]:  # also if it is not a number
            raise CannotPrepare(
                f"the features of random images differ from torch's by {difference:.2g} of their length"
            )


def _computing(compiled: Any) -> ComputeGraph:
    request = compiled.create_infer_request()

    def compute(inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        arrays = [np.ascontiguousarray(tensor.numpy()) for tensor in inputs]
        return tuple(map(torch.from_numpy, request.infer(arrays, share_inputs=True).values()))

    return compute


OPENVINO = OpenVinoRuntime(title="OpenVINO", package="openvino", on_gpu=False)
