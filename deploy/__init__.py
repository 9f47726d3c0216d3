"""Deployment from a checkout: ONNX export, reduced precision, and the inference server."""
