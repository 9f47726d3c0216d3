"""Convert exported ONNX weights to half precision or to eight bits.

Names, metadata and shapes of inputs and outputs stay as they are; inputs and outputs stay in single
precision.
"""

import tempfile
from pathlib import Path

import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.shape_inference import quant_pre_process
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel


def convert_to_half(weights: Path, output: Path) -> None:
    """Write weights and arithmetic in half precision: half the size, for TensorRT on a GPU.

    Parameters
    ----------
    weights
        ONNX file written by `export`, in single precision.
    output
        ONNX file to write.
    """
    model = convert_float_to_float16(onnx.load(weights), keep_io_types=True)
    OnnxModel(model).topological_sort()  # the conversion appends its casts at the end
    onnx.checker.check_model(model)
    onnx.save(model, output)


def quantize_to_int8(weights: Path, output: Path) -> None:
    """Write weights as eight-bit integers: a third of the size, and faster on a CPU.

    Activations are quantised at run time. Weights use seven bits: CPUs with AVX2 but without VNNI
    add up eight-bit products in sixteen bits, which would overflow.

    Parameters
    ----------
    weights
        ONNX file written by `export`, in single precision.
    output
        ONNX file to write.
    """
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder, "prepared.onnx")
        quant_pre_process(weights, prepared, skip_symbolic_shape=True)
        quantize_dynamic(
            prepared, output, per_channel=True, reduce_range=True, weight_type=QuantType.QInt8
        )
