"""OpenVINO: a pair of files that OpenVINO runs on Intel's processors."""

from pathlib import Path

import torch
from torch import Tensor

from evaluate.graphs.formats.graph import Compute, Graph, GraphFormat
from extract.openvino_core import INSTALL, import_openvino, openvino_core
from extract.runtimes.exported import quietly


class OpenVinoFormat(GraphFormat):
    """An .xml file with the graph and a .bin file with the weights, which stay float32."""

    def write(self, graph: Graph, folder: Path) -> tuple[str, ...]:
        """Write NAME.xml and NAME.bin."""
        openvino = import_openvino()
        program = graph.program()
        model = quietly(lambda: openvino.convert_model(program))
        for node, (name, shape) in zip(model.inputs, graph.inputs.items(), strict=True):
            node.get_tensor().set_names({name})
            node.get_node().set_partial_shape(openvino.PartialShape([-1, *shape]))
        for node, name in zip(model.outputs, graph.outputs, strict=True):
            node.get_tensor().set_names({name})
        model.validate_nodes_and_infer_types()
        openvino.save_model(model, folder / f"{graph.name}.xml", compress_to_fp16=False)
        return f"{graph.name}.xml", f"{graph.name}.bin"

    def open(self, file: Path) -> Compute:
        """Return the graph in OpenVINO. Its default precision is another one on some processors."""
        compiled = openvino_core().compile_model(file, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        request = compiled.create_infer_request()

        def compute(inputs: list[Tensor]) -> list[Tensor]:
            return [torch.from_numpy(output) for output in request.infer([each.numpy() for each in inputs]).values()]

        return compute


OPENVINO = OpenVinoFormat(title="OpenVINO", packages=("openvino",), install=INSTALL)
