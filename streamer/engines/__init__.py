"""Engines that run the network; `open_engine` opens the configured one."""

import functools
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from damer.weights import SHIPPED_MODEL
from streamer.engines.failover import FailoverEngine
from streamer.engines.onnx_engine import OnnxEngine
from streamer.engines.protocol import Engine, Estimate, KalmanSettings
from streamer.engines.weights_digest import verify_weights
from streamer.errors import EngineError

__all__ = ["Engine", "Estimate", "FailoverEngine", "KalmanSettings", "OnnxEngine", "open_engine"]

Backend = Literal["auto", "onnxruntime", "tensorrt", "torch"]
Require = Literal["any", "gpu"]
logger = logging.getLogger(__name__)


def open_engine(
    model: Path | None = None,
    backend: Backend = "auto",
    require: Require = "any",
    *,
    sha256: str | None = None,
) -> FailoverEngine:
    """Open an engine on the given weights.

    Parameters
    ----------
    model
        ONNX file. Default: the shipped weights.
    backend
        "onnxruntime" runs on the CPU, "tensorrt" and "torch" on an NVIDIA GPU. "auto": TensorRT if
        an engine was built; else torch if a GPU is required; else ONNX Runtime.
    require
        "gpu": raise if no GPU can be used. "any": fall back to ONNX Runtime if the backend cannot
        be opened, or fails later; the engine's `last_error` says why.
    sha256
        Required digest of the weights, hexadecimal; see `verify_weights`. Default: none.

    Returns
    -------
    FailoverEngine
        Reopens or replaces an engine that fails later.

    Raises
    ------
    EngineError
        The weights, or the required GPU, cannot be used.
    """
    path = model or SHIPPED_MODEL
    if backend == "onnxruntime" and require == "gpu":
        raise EngineError(
            "cannot require a GPU: ONNX Runtime runs on the processor; set another backend"
        )
    if path.is_file():
        verify_weights(path, sha256)
    errors = []

    def open_on_cpu() -> Engine:
        return OnnxEngine(path)

    for title, open_on_gpu in _candidates(backend, require):
        try:
            engine = open_on_gpu(path)
        except EngineError as error:
            errors.append(f"not on {title}: {error}")
        else:
            reopen = functools.partial(open_on_gpu, path)
            return FailoverEngine(engine, reopen if require == "gpu" else open_on_cpu)
    if require == "gpu":
        raise EngineError("; ".join(errors))
    engine = FailoverEngine(open_on_cpu(), open_on_cpu)
    if errors:
        engine.last_error = "; ".join(errors)
        logger.warning("%s; falling back to %s", engine.last_error, engine.name)
    return engine


def _candidates(backend: Backend, require: Require) -> list[tuple[str, Callable[[Path], Engine]]]:
    """Return the GPU engines to try, in order, with their titles."""
    tensorrt, torch = ("TensorRT", _open_tensorrt), ("torch", _open_torch)
    match backend, require:
        case "tensorrt", _:
            return [tensorrt]
        case "torch", _:
            return [torch]
        case "auto", "gpu":
            return [tensorrt, torch]
        case "auto", "any" if _has_built_engines():
            return [tensorrt]
    return []


def _open_tensorrt(model: Path) -> Engine:
    from streamer.engines.tensorrt.tensorrt_engine import TensorRTEngine

    return TensorRTEngine(model)


def _open_torch(model: Path) -> Engine:
    from streamer.engines.torch_engine import TorchEngine

    return TorchEngine(model)


def _has_built_engines() -> bool:
    """Return whether any engine was built; loading TensorRT to find out takes seconds."""
    from streamer.engines.tensorrt.engine_cache import cached_engines, default_cache_folder

    return any(True for _ in cached_engines(default_cache_folder()))
