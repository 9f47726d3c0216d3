"""Which engine runs: what is asked for, what is there, and what takes its place."""

import logging

import pytest

from streamer.engines import open_engine
from streamer.errors import EngineError


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def test_by_default_the_processor_runs_the_network():
    engine = open_engine()
    assert engine.name.startswith("ONNX Runtime")
    assert engine.last_error == ""


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
    assert engine.name.startswith("ONNX Runtime")
    assert engine.last_error.startswith("not on TensorRT: ")
    assert "runs in its place" in caplog.text


@pytest.mark.usefixtures("without_gpu")
def test_an_engine_that_was_built_for_elsewhere_is_told_of(own_cache, caplog):
    pytest.importorskip("tensorrt_rtx", reason="TensorRT for RTX is not installed here")
    folder = own_cache / "streamer" / "engines"
    folder.mkdir(parents=True)
    (folder / "some.engine").touch()
    with caplog.at_level(logging.WARNING):
        assert open_engine().last_error
    assert caplog.text
