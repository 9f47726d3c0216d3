"""The shipped model. Its card and its licence lie beside it."""

from pathlib import Path

SHIPPED_MODEL = Path(__file__).parent / "damer.onnx"
