"""The file formats of graphs: one file each, and the dict of their entries.

A new format is a file with an entry, and a line in `FORMATS`. `export --format` follows from the entry.
"""

from common.errors import UserError, unknown_name
from evaluate.graphs.formats.graph import GraphFormat
from evaluate.graphs.formats.onnx import ONNX
from evaluate.graphs.formats.openvino import OPENVINO
from evaluate.graphs.formats.torch import TORCH

NATIVE = "native"  # this project's own format, which `predict` takes

FORMATS: dict[str, GraphFormat] = {
    "onnx": ONNX,
    "openvino": OPENVINO,
    "torch": TORCH,
}


def refuse_unknown_format(name: str) -> None:
    """Refuse a format that `export` cannot write.

    Raises:
        UserError: there is none of this name (with the nearest name), or its packages are not installed (with the
            command that installs them).
    """
    if name not in (NATIVE, *FORMATS):
        raise UserError(unknown_name("format", name, (NATIVE, *FORMATS)))
    if name != NATIVE:
        FORMATS[name].versions()
