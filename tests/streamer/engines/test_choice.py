"""Which engine runs: what is asked for, what is there, and what takes its place."""

import logging
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from streamer.engines import Estimate, OnnxEngine, open_engine
from streamer.engines.fallback import FallbackEngine
from streamer.errors import EngineError


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def test_by_default_the_processor_runs_the_network():
    engine = open_engine()
    assert isinstance(engine, OnnxEngine)
    assert engine.trouble == ""


@pytest.mark.usefixtures("without_gpu")
def test_a_gpu_that_is_required_and_missing_is_an_error():
    with pytest.raises(EngineError, match=r"no NVIDIA GPU|not installed"):
        open_engine(require="gpu")
    with pytest.raises(EngineError, match=r"no NVIDIA GPU|not installed"):
        open_engine(backend="tensorrt", require="gpu")


def test_a_gpu_cannot_be_required_of_the_processor():
    with pytest.raises(EngineError, match="ONNX Runtime runs on the processor"):
        open_engine(backend="onnxruntime", require="gpu")


@pytest.mark.usefixtures("without_gpu")
def test_where_anything_will_do_the_processor_takes_the_gpus_place(caplog):
    with caplog.at_level(logging.WARNING):
        engine = open_engine(backend="tensorrt")
    assert isinstance(engine, OnnxEngine)
    assert engine.trouble.startswith("not on TensorRT: ")
    assert "runs in its place" in caplog.text


@pytest.mark.usefixtures("without_gpu")
def test_an_engine_that_was_built_for_elsewhere_is_told_of(own_cache, caplog):
    pytest.importorskip("tensorrt_rtx", reason="TensorRT for RTX is not installed here")
    folder = own_cache / "streamer" / "engines"
    folder.mkdir(parents=True)
    (folder / "some.engine").touch()
    with caplog.at_level(logging.WARNING):
        assert open_engine().trouble
    assert caplog.text


class Failing:
    """Answers so many times, and then fails as a GPU does that falls off its bus."""

    def __init__(self, engine, times):
        self.name, self.model, self.trouble = "a GPU", engine.model, ""
        self.front_end, self.smoothing = engine.front_end, engine.smoothing
        self.left = times

    def infer(self, mel, cochleagram):
        self.left -= 1
        if self.left < 0:
            raise EngineError("CUDA: an illegal memory access was encountered")
        return Estimate(*(np.zeros(len(mel), np.float32) for _ in range(4)))


def windows(engine, count=1):
    spec = engine.front_end
    return (
        np.zeros((count, spec.mel_bands, spec.window_frames), np.float32),
        np.zeros((count, spec.gammatone_channels, spec.window_frames), np.float32),
    )


def test_when_the_gpu_fails_the_processor_goes_on(engine, caplog):
    both = FallbackEngine(Failing(engine, 2), lambda: engine)
    for _ in range(2):
        assert both.infer(*windows(engine)).valence[0] == 0.0
    assert (both.name, both.trouble) == ("a GPU", "")
    expected = engine.infer(*windows(engine))
    for _ in range(3):
        assert both.infer(*windows(engine)).valence == expected.valence
    assert both.name == engine.name
    assert "illegal memory access" in both.trouble
    assert caplog.text.count("goes on") == 1


def test_zones_that_meet_the_failure_together_open_one_other_engine(engine):
    opened = []

    def open_other():
        opened.append(engine)
        return engine

    both = FallbackEngine(Failing(engine, 0), open_other)
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: both.infer(*windows(engine)), range(12)))
    assert len(opened) == 1
    assert len({float(one.valence[0]) for one in answers}) == 1


def test_when_the_other_one_fails_too_it_is_an_error(engine):
    both = FallbackEngine(Failing(engine, 0), lambda: Failing(engine, 0))
    for _ in range(2):
        with pytest.raises(EngineError, match="illegal memory access"):
            both.infer(*windows(engine))
