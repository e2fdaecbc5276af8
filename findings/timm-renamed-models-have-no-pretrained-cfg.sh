#!/usr/bin/env bash
# timm 1.0.31: a renamed model is built, and `is_model` knows it, but `get_pretrained_cfg` gives None for its name.
#
# Seen with `tf_efficientnet_b7_ns`, a name of many papers' code that timm maps to `tf_efficientnet_b7.ns_jft_in1k`:
# create_model() builds it with a deprecation warning, and the model knows its pictures of 600 x 600. is_model() is True.
# get_pretrained_cfg() of the same name returns None without a warning. So code that asks for the preprocessing by name,
# before it builds the model, meets None where every other known model has a configuration; with timm's usual default of
# an empty one it would resize to 224. list_models() does not list the name.
#
# Needs python3 with venv. Exits 0 while this is so, 1 once it has changed, 2 if it could not be tried.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet torch==2.14.1 torchvision==0.29.1 timm==1.0.31 numpy==2.4.6 || exit 2

cat >renamed.py <<'PY'
import sys, warnings
import timm

name, new = "tf_efficientnet_b7_ns", "tf_efficientnet_b7.ns_jft_in1k"
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    model = timm.create_model(name)
found = (timm.is_model(name), name in timm.list_models(), model.pretrained_cfg["input_size"], timm.get_pretrained_cfg(name))
print("is_model, listed, input size of the built model, get_pretrained_cfg:", *found)
print("get_pretrained_cfg of the new name:", timm.get_pretrained_cfg(new).input_size)
sys.exit(0 if found == (True, False, (3, 600, 600), None) else "not as before")
PY
venv/bin/python renamed.py
