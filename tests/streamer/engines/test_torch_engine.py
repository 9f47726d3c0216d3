"""torch estimates as ONNX Runtime does; here on the CPU, since tests need no GPU."""

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from damer.weights import SHIPPED_MODEL
from streamer.engines.torch_engine import TorchEngine
from streamer.errors import EngineError

AXES = ("valence", "arousal", "valence_std", "arousal_std")


@pytest.fixture(scope="module")
def on_torch():
    return TorchEngine(SHIPPED_MODEL, device="cpu")


@pytest.mark.parametrize("count", [1, 2, 8, 9, 45])
def test_estimates_equal_those_of_onnx_runtime(on_torch, engine, random_windows, count):
    ours, theirs = (one.infer(*random_windows(count)) for one in (on_torch, engine))
    for axis in AXES:
        np.testing.assert_allclose(getattr(ours, axis), getattr(theirs, axis), atol=2e-6)


def test_the_engine_names_itself(on_torch, engine):
    assert on_torch.name.startswith("torch ")
    assert (on_torch.model, on_torch.front_end) == (engine.model, engine.front_end)
    assert on_torch.smoothing == engine.smoothing


@pytest.mark.usefixtures("without_gpu")
def test_a_missing_gpu_is_an_error():
    with pytest.raises(EngineError, match="sees no NVIDIA GPU"):
        TorchEngine(SHIPPED_MODEL)


def test_eight_bit_weights_are_refused():
    with pytest.raises(EngineError, match=r"holds no weights for .*eight bits"):
        TorchEngine(SHIPPED_MODEL.with_name("damer-int8.onnx"), device="cpu")


def test_another_network_is_refused(tmp_path):
    model = onnx.load(SHIPPED_MODEL)
    for one in model.graph.initializer:
        if one.name == "network.fuse.0.bias":
            one.CopyFrom(numpy_helper.from_array(np.zeros(7, np.float32), one.name))
    path = tmp_path / "other.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(EngineError):
        TorchEngine(path, device="cpu")


def test_a_gpu_error_becomes_an_engine_error(on_torch, monkeypatch):
    def fail(mel, cochleagram):
        raise RuntimeError("CUDA out of memory.\nTried to allocate 2 GiB")

    monkeypatch.setattr(on_torch._batches[0], "run", fail)
    spec = on_torch.front_end
    with pytest.raises(EngineError, match=r"^torch: CUDA out of memory\.$"):
        on_torch.infer(
            np.zeros((1, spec.mel_bands, spec.window_frames), np.float32),
            np.zeros((1, spec.gammatone_channels, spec.window_frames), np.float32),
        )
