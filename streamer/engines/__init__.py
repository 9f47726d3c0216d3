"""Engines run the network. `open_engine` gives the one that the configuration asks for."""

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
    """Open an engine on the given weights, or on the shipped ones.

    Parameters
    ----------
    model
        ONNX file.
    backend
        "onnxruntime" runs on the processor, "tensorrt" and "torch" on an NVIDIA GPU. "auto" takes
        TensorRT where engines were built, then, if a GPU is required, torch, and else ONNX Runtime.
    require
        "gpu": nothing but a GPU will do. "any": where it cannot be had, or fails later, ONNX
        Runtime takes its place, and the engine's `last_error` says why.

    sha256
        Digest that the weights must have; see `verify_weights`.

    Returns
    -------
    FailoverEngine
        One that fails later on is opened anew, or replaced.

    Raises
    ------
    EngineError
        The weights cannot be used, or the GPU that is required; the message says why.
    """
    path = model or SHIPPED_MODEL
    if backend == "onnxruntime" and require == "gpu":
        raise EngineError(
            "ONNX Runtime runs on the processor; where a GPU is required, backend must be another"
        )
    if path.is_file():
        verify_weights(path, sha256)
    errors = []

    def on_the_processor() -> Engine:
        return OnnxEngine(path)

    for title, open_it in _worth_trying(backend, require):
        try:
            engine = open_it(path)
        except EngineError as error:
            errors.append(f"not on {title}: {error}")
        else:
            anew = functools.partial(open_it, path)
            return FailoverEngine(engine, anew if require == "gpu" else on_the_processor)
    if require == "gpu":
        raise EngineError("; ".join(errors))
    engine = FailoverEngine(on_the_processor(), on_the_processor)
    if errors:
        engine.last_error = "; ".join(errors)
        logger.warning("%s; %s runs in its place", engine.last_error, engine.name)
    return engine


def _worth_trying(backend: Backend, require: Require) -> list[tuple[str, Callable[[Path], Engine]]]:
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
    """Whether a look is worth the seconds that loading TensorRT takes."""
    from streamer.engines.tensorrt.engine_cache import cached_engines, default_cache_folder

    return any(True for _ in cached_engines(default_cache_folder()))
