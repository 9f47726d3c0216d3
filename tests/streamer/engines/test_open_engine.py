"""Choice of the engine: requested, available, fallback."""

import logging

import pytest

from streamer.engines import open_engine
from streamer.errors import EngineError


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def test_the_default_is_onnx_runtime():
    engine = open_engine()
    assert engine.name.startswith("ONNX Runtime")
    assert engine.last_error == ""


@pytest.mark.usefixtures("without_gpu")
def test_a_required_gpu_that_is_missing_is_an_error():
    with pytest.raises(EngineError, match=r"no NVIDIA GPU|not installed"):
        open_engine(require="gpu")
    with pytest.raises(EngineError, match=r"no NVIDIA GPU|not installed"):
        open_engine(backend="tensorrt", require="gpu")


def test_onnx_runtime_with_a_required_gpu_is_refused():
    with pytest.raises(EngineError, match="ONNX Runtime runs on the processor"):
        open_engine(backend="onnxruntime", require="gpu")


@pytest.mark.usefixtures("without_gpu")
def test_onnx_runtime_is_the_fallback_for_a_missing_gpu(caplog):
    with caplog.at_level(logging.WARNING):
        engine = open_engine(backend="tensorrt")
    assert engine.name.startswith("ONNX Runtime")
    assert engine.last_error.startswith("not on TensorRT: ")
    assert "falling back to ONNX Runtime" in caplog.text


@pytest.mark.usefixtures("without_gpu")
def test_an_engine_built_for_another_machine_is_reported(own_cache, caplog):
    pytest.importorskip("tensorrt_rtx", reason="TensorRT for RTX is not installed here")
    folder = own_cache / "streamer" / "engines"
    folder.mkdir(parents=True)
    (folder / "some.engine").touch()
    with caplog.at_level(logging.WARNING):
        assert open_engine().last_error
    assert caplog.text
