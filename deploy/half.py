"""From weights in single precision to half, for GPUs: TensorRT takes precision from the weights."""

from pathlib import Path

import onnx
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel


def halve(weights: Path, output: Path) -> None:
    """Write weights and arithmetic in half precision; inputs and outputs stay single.

    Parameters
    ----------
    weights
        An ONNX file that `export` wrote.
    output
        Where the smaller one goes.
    """
    model = convert_float_to_float16(onnx.load(weights), keep_io_types=True)
    OnnxModel(model).topological_sort()  # its casts were added at the end
    onnx.checker.check_model(model)
    onnx.save(model, output)
