"""Trained models as graphs that other programs run: ONNX, OpenVINO or torch.export. `export` writes them."""
