"""torch answers as ONNX Runtime does; here on the processor, where there is no GPU."""

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from damer.weights import SHIPPED_MODEL
from streamer.engines.fixed_batches import BATCH_SIZES, infer_in_batches
from streamer.engines.torch_engine import TorchEngine
from streamer.errors import EngineError

AXES = ("valence", "arousal", "valence_std", "arousal_std")


@pytest.fixture(scope="module")
def on_torch():
    return TorchEngine(SHIPPED_MODEL, device="cpu")


@pytest.mark.parametrize("count", [1, 2, 8, 9, 45])
def test_it_answers_as_onnx_runtime_does(on_torch, engine, random_windows, count):
    ours, theirs = (one.infer(*random_windows(count)) for one in (on_torch, engine))
    for axis in AXES:
        np.testing.assert_allclose(getattr(ours, axis), getattr(theirs, axis), atol=2e-6)


def test_it_says_what_it_is(on_torch, engine):
    assert on_torch.name.startswith("torch ")
    assert (on_torch.model, on_torch.front_end) == (engine.model, engine.front_end)
    assert on_torch.smoothing == engine.smoothing


@pytest.mark.usefixtures("without_gpu")
def test_without_a_gpu_it_says_so():
    with pytest.raises(EngineError, match="sees no NVIDIA GPU"):
        TorchEngine(SHIPPED_MODEL)


def test_weights_in_eight_bits_are_refused():
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


def test_what_the_gpu_cannot_do_is_an_error_of_the_engine(on_torch, monkeypatch):
    def fail(mel, cochleagram):
        raise RuntimeError("CUDA out of memory.\nTried to allocate 2 GiB")

    monkeypatch.setattr(on_torch._plans[0], "run", fail)
    spec = on_torch.front_end
    with pytest.raises(EngineError, match=r"^torch: CUDA out of memory\.$"):
        on_torch.infer(
            np.zeros((1, spec.mel_bands, spec.window_frames), np.float32),
            np.zeros((1, spec.gammatone_channels, spec.window_frames), np.float32),
        )


class Counting:
    """Answers with the number of the window, and remembers how full it was."""

    def __init__(self, size):
        self.size, self.seen = size, []

    def run(self, mel, cochleagram):
        assert len(mel) == len(cochleagram) <= self.size
        self.seen.append(len(mel))
        return tuple(mel[:, 0, 0] + k for k in range(4))


@pytest.mark.parametrize(
    ("count", "filled"),
    [
        (1, {1: [1]}),
        (2, {8: [2]}),
        (8, {8: [8]}),
        (33, {32: [32], 1: [1]}),
        (70, {32: [32, 32], 8: [6]}),
    ],
)
def test_a_batch_is_filled_up_or_cut(count, filled):
    plans = [Counting(size) for size in BATCH_SIZES]
    views = np.arange(count, dtype=np.float32)[:, None, None]
    answer = infer_in_batches(plans, views, views)
    for k, axis in enumerate(AXES):
        np.testing.assert_array_equal(getattr(answer, axis), np.arange(count) + k)
    assert {plan.size: plan.seen for plan in plans if plan.seen} == filled
