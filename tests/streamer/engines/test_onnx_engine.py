import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from damer.views import FrontEnd


@pytest.fixture(scope="module")
def windows(engine, music):
    """Sixteen windows of music: mel (16, bands, T) and cochleagram (16, channels, T)."""
    spec = engine.front_end
    seconds = (spec.window_frames + 16 * 9) * spec.hop / spec.sample_rate
    frames = FrontEnd(spec).push(music(seconds + 0.1, spec.sample_rate))

    def cut(view):
        return np.stack([view[9 * k : 9 * k + spec.window_frames].T for k in range(16)])

    return cut(frames.mel), cut(frames.cochleagram)


def columns(estimate):
    return np.stack(
        [estimate.valence, estimate.arousal, estimate.valence_std, estimate.arousal_std]
    )


def test_estimates_are_in_range(engine, windows):
    estimate = engine.infer(*windows)
    for values in (estimate.valence, estimate.arousal):
        assert values.shape == (16,)
        assert values.dtype == np.float32
        assert np.all(np.abs(values) <= 1)
    for values in (estimate.valence_std, estimate.arousal_std):
        assert values.shape == (16,)
        assert np.all(values > 0)
        assert np.all(np.isfinite(values))


def test_the_estimate_of_digital_silence_is_finite(engine):
    spec = engine.front_end
    mel = np.full((1, spec.mel_bands, spec.window_frames), np.log(spec.mel_floor), np.float32)
    cochleagram = np.zeros((1, spec.gammatone_channels, spec.window_frames), np.float32)
    assert np.all(np.isfinite(columns(engine.infer(mel, cochleagram))))


@settings(max_examples=10)
@given(chosen=st.lists(st.integers(0, 15), min_size=1, max_size=16))
def test_a_window_gets_the_same_estimate_in_every_batch(engine, windows, chosen):
    alone = np.concatenate(
        [columns(engine.infer(*(view[k : k + 1] for view in windows))) for k in chosen], axis=1
    )
    together = columns(engine.infer(*(np.ascontiguousarray(view[chosen]) for view in windows)))
    np.testing.assert_allclose(together, alone, rtol=0, atol=1e-6)


def test_four_threads_get_the_estimates_of_one(engine, windows):
    def infer(k):
        return columns(engine.infer(*(view[k : k + 1] for view in windows)))

    order = [k % 16 for k in range(96)]
    expected = [infer(k) for k in range(16)]
    with ThreadPoolExecutor(4) as threads:
        for k, answer in zip(order, threads.map(infer, order), strict=True):
            np.testing.assert_array_equal(answer, expected[k])


def test_the_engine_names_itself(engine):
    assert engine.name.startswith("ONNX Runtime ")
    assert engine.model
    assert engine.front_end.origin == "internal"


@pytest.mark.long
def test_onnx_runtime_writes_no_telemetry_to_the_home_folder(tmp_path):
    program = "from streamer.engines import open_engine; print(open_engine().name)"
    environment = {**os.environ, "HOME": str(tmp_path)}
    for name in ("XDG_CACHE_HOME", "ORT_DISABLE_TELEMETRY"):
        environment.pop(name, None)
    subprocess.run([sys.executable, "-c", program], env=environment, check=True, timeout=60)
    assert not [path for path in tmp_path.rglob("*") if "onnxruntime" in str(path)]
