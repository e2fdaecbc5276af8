"""ONNX: a file that many programs and devices run, with onnxruntime or another runtime. torch's exporter writes it."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from evaluate.graphs.formats.graph import Compute, Graph, GraphFormat
from extract.runtimes.exported import quietly


class OnnxFormat(GraphFormat):
    """One .onnx file with its weights inside."""

    def write(self, graph: Graph, folder: Path) -> tuple[str, ...]:
        """Write NAME.onnx."""
        examples = graph.examples(2)
        program: Any = quietly(
            lambda: torch.onnx.export(
                graph.network,
                examples,
                dynamo=True,
                dynamic_shapes=graph.dynamic_shapes(examples),
                input_names=list(graph.inputs),
                output_names=list(graph.outputs),
                verbose=False,
            )
        )
        for node in program.model.graph.all_nodes():
            node.metadata_props.clear()  # traces of the code, with the paths of this machine
        name = f"{graph.name}.onnx"
        program.save(folder / name, external_data=False)
        return (name,)

    def open(self, file: Path) -> Compute:
        """Return the graph in onnxruntime."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        names = [each.name for each in session.get_inputs()]

        def compute(inputs: list[Tensor]) -> list[Tensor]:
            arrays = dict(zip(names, (each.numpy() for each in inputs), strict=True))
            return [torch.from_numpy(output) for output in session.run(None, arrays)]

        return compute


ONNX = OnnxFormat(
    title="ONNX",
    packages=("onnx", "onnxscript", "onnxruntime"),
    install="uv pip install 'early-recognition[onnx]'",
)
