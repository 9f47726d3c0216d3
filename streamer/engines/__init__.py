"""Engines run the network. `open_engine` gives the one that the configuration asks for."""

import importlib.util
import logging
from pathlib import Path
from typing import Literal

from damer.weights import SHIPPED_MODEL
from streamer.engines.fallback import FallbackEngine
from streamer.engines.onnx import OnnxEngine
from streamer.engines.protocol import Engine, Estimate, KalmanSettings
from streamer.errors import EngineError

__all__ = ["Engine", "Estimate", "KalmanSettings", "OnnxEngine", "open_engine"]

Backend = Literal["auto", "onnxruntime", "tensorrt"]
Require = Literal["any", "gpu"]
logger = logging.getLogger(__name__)


def open_engine(
    model: Path | None = None, backend: Backend = "auto", require: Require = "any"
) -> Engine:
    """Open an engine on the given weights, or on the shipped ones.

    Parameters
    ----------
    model
        ONNX file.
    backend
        "auto" takes TensorRT where an engine was built for these weights and this GPU, and else
        ONNX Runtime on the processor.
    require
        "gpu": nothing but a GPU will do. "any": where it cannot be had, or fails later, ONNX
        Runtime takes its place, and the engine's `trouble` says why.

    Raises
    ------
    EngineError
        The weights cannot be used, or the GPU that is required; the message says why.
    """
    path = model or SHIPPED_MODEL
    if backend == "onnxruntime" and require == "gpu":
        raise EngineError(
            'ONNX Runtime runs on the processor; where a GPU is required, backend must be "auto" '
            'or "tensorrt"'
        )
    if backend == "onnxruntime" or (
        backend == "auto" and require == "any" and not _may_have_tensorrt()
    ):
        return OnnxEngine(path)
    from streamer.engines.tensorrt.runner import TensorRTEngine

    try:
        engine = TensorRTEngine(path)
    except EngineError as error:
        if require == "gpu":
            raise
        instead = OnnxEngine(path)
        instead.trouble = f"not on TensorRT: {error}"
        logger.warning("%s; %s runs in its place", instead.trouble, instead.name)
        return instead
    return engine if require == "gpu" else FallbackEngine(engine, lambda: OnnxEngine(path))


def _may_have_tensorrt() -> bool:
    """Whether a look is worth the seconds that loading TensorRT takes."""
    from streamer.engines.tensorrt.store import default_folder, stored

    packages = "tensorrt_rtx", "tensorrt"
    installed = any(importlib.util.find_spec(package) for package in packages)
    return installed and any(True for _ in stored(default_folder()))
