#!/usr/bin/env bash
# openvino 2026.4.1, torch 2.15.0: a program that torch.export exported with fixed shapes becomes a model with dynamic ones.
#
# `torch.export.export` without dynamic shapes gives a program for inputs of exactly the example's shape, and the program
# says so. `openvino.convert_model` of it gives an input [?,3,?,?] for a convolution: only the number of channels is
# left. So the model is compiled for any shape, and a network of few operations is slower than it could be (seen:
# EfficientNet-Lite0, 16 images of 224×224, 246 against 272 images a second). `input=` in `convert_model`, or `reshape`
# afterwards, gives the shape back, and the results are the same bits.
#
# Needs python3 with venv, and some gigabytes for torch's packages. Exits 0 while this is so, 1 once it has changed,
# 2 if it could not be tried.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet openvino==2026.4.1 torch==2.15.0 packaging==26.3 numpy==2.4.6 || exit 2

cat >shapes.py <<'PY'
import sys
import warnings
from importlib.metadata import version

import numpy as np
import openvino
import torch

warnings.simplefilter("ignore")
network = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU()).eval()
image = torch.zeros(2, 3, 32, 32)
program = torch.export.export(network, (image,))
(placeholder,) = [node for node in program.graph.nodes if node.name == "input"]
exported = tuple(placeholder.meta["val"].shape)
forgotten = openvino.convert_model(program)
told = openvino.convert_model(program, input=[list(image.shape)])
shapes = [str(model.input(0).partial_shape) for model in (forgotten, told)]
print("openvino", version("openvino"), "torch", version("torch"))
print(f"exported: {exported}; converted: {shapes[0]}; converted with input=: {shapes[1]}")
core = openvino.Core()
noise = np.random.default_rng(0).random(image.shape, np.float32)
first, second = (next(iter(core.compile_model(model, "CPU")([noise]).values())) for model in (forgotten, told))
print("same bits:", np.array_equal(first, second))
sys.exit((exported, shapes) != ((2, 3, 32, 32), ["[?,3,?,?]", "[2,3,32,32]"]) or not np.array_equal(first, second))
PY
venv/bin/python shapes.py
