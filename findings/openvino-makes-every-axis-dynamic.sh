#!/usr/bin/env bash
# openvino 2026.4.1, torch 2.15.0: an exported program with one dynamic axis becomes a model with all axes dynamic.
#
# `torch.export.export` is told that the batch may change and that the other axes may not, and the exported program says
# so. `openvino.convert_model` of this program gives an input in which the channels and both sides of the image are
# dynamic too, and so is the output. Without a dynamic axis the shape is kept. A program that reads the size of the
# image from the model finds none. The shape can be set with `reshape` afterwards.
#
# Needs python3 with venv, and some gigabytes for torch's packages. Exits 0 while this is so, 1 once it has changed,
# 2 if it could not be tried.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet openvino==2026.4.1 torch==2.15.0 numpy==2.4.6 || exit 2

cat >shapes.py <<'PY'
import sys
import warnings
from importlib.metadata import version

import openvino
import torch

warnings.simplefilter("ignore")
network = torch.nn.Conv2d(3, 8, 3).eval()
image = torch.zeros(2, 3, 32, 32)


def converted(dynamic):
    program = torch.export.export(network, (image,), dynamic_shapes=dynamic)
    (placeholder,) = [node for node in program.graph.nodes if node.name == "input"]
    model = openvino.convert_model(program)
    shapes = str(model.input(0).partial_shape), str(model.output(0).partial_shape)
    print(f"exported: {tuple(map(str, placeholder.meta['val'].shape))}; OpenVINO: input {shapes[0]}, output {shapes[1]}")
    return shapes


print("openvino", version("openvino"), "torch", version("torch"))
fixed = converted(None)
batch = converted(({0: torch.export.Dim("batch")},))
sys.exit((fixed, batch) != (("[2,3,32,32]", "[2,8,30,30]"), ("[?,?,?,?]", "[?,8,?,?]")))
PY
venv/bin/python shapes.py
