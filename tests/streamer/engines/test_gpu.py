"""GPU engines estimate as ONNX Runtime does."""

import numpy as np
import pytest

from damer.weights import SHIPPED_MODEL
from deploy.weight_precision import convert_to_half
from streamer.engines.cuda import find_gpu
from streamer.engines.fixed_batches import BATCH_SIZES
from streamer.engines.tensorrt.builder import build_engine, load_library
from streamer.engines.tensorrt.engine_cache import save_engine
from streamer.engines.tensorrt.tensorrt_engine import TensorRTEngine
from streamer.engines.torch_engine import TorchEngine
from streamer.errors import EngineError

pytestmark = pytest.mark.gpu
AXES = ("valence", "arousal", "valence_std", "arousal_std")


@pytest.fixture(scope="module")
def gpu():
    try:
        return find_gpu()
    except EngineError as error:
        pytest.skip(f"{error}")


def tensorrt(model, gpu, folder):
    try:
        library = load_library()
        content = build_engine(model, library, (gpu.capability,), BATCH_SIZES)
    except EngineError as error:
        pytest.skip(f"TensorRT does not serve {gpu.name}: {error}")
    save_engine(content, model, library, (gpu.capability,), BATCH_SIZES, folder)
    return TensorRTEngine(model, folder)


@pytest.mark.parametrize("kind", ["tensorrt", "tensorrt in half precision", "torch"])
@pytest.mark.parametrize("count", [1, 8, 45])
def test_estimates_equal_those_of_onnx_runtime(gpu, kind, count, engine, random_windows, tmp_path):
    half = tmp_path / "half.onnx"
    convert_to_half(SHIPPED_MODEL, half)
    match kind:
        case "tensorrt":
            on_gpu, apart = tensorrt(SHIPPED_MODEL, gpu, tmp_path), 1e-4
        case "torch":
            on_gpu, apart = TorchEngine(SHIPPED_MODEL), 1e-4
        case _:
            on_gpu, apart = tensorrt(half, gpu, tmp_path), 1e-2
    ours, theirs = (one.infer(*random_windows(count)) for one in (on_gpu, engine))
    for axis in AXES:
        np.testing.assert_allclose(getattr(ours, axis), getattr(theirs, axis), atol=apart)
