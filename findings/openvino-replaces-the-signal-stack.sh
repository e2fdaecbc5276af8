#!/usr/bin/env bash
# openvino 2026.4.1: compiling a model for the CPU replaces the alternate signal stack of the calling thread.
#
# A program can give a thread a stack for its signal handlers (sigaltstack), and Python's faulthandler does so, to print
# a traceback after a stack overflow. The CPU plugin puts memory of its own there when it compiles the first model of a
# Core, and puts the earlier one back when the Core is released. With Python's faulthandler the stack that is left is
# smaller than the one that faulthandler had asked for (seen: 11,824 bytes instead of 18,160). Nothing in the
# documentation of compile_model says so.
#
# Needs python3 with venv, on x86 Linux. Exits 0 while this is so, 1 once it has changed, 2 if it could not be tried.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet openvino==2026.4.1 numpy==2.4.6 || exit 2

cat >stack.py <<'PY'
import ctypes
import faulthandler
import sys
import numpy as np
import openvino as ov
import openvino.opset13 as op


class Stack(ctypes.Structure):  # stack_t of sigaltstack(2)
    _fields_ = [("pointer", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t)]


def now():
    stack = Stack()
    assert ctypes.CDLL(None).sigaltstack(None, ctypes.byref(stack)) == 0
    return stack.pointer, stack.size


faulthandler.enable()
before = now()
given = op.parameter([1, 3, 8, 8], np.float32)
weights = op.constant(np.ones((2, 3, 3, 3), np.float32))
model = ov.Model([op.convolution(given, weights, [1, 1], [0, 0], [0, 0], [1, 1])], [given])
core = ov.Core()
with_core = now()
compiled = core.compile_model(model, "CPU")
after = now()
print(f"faulthandler's stack: {before[1]} bytes; with a Core: {with_core[1]}; with a compiled model: {after[1]}")
sys.exit(0 if before == with_core and after[0] != before[0] and after[1] < before[1] else 1)
PY
venv/bin/python stack.py
