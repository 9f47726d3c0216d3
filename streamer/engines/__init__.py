"""Engines run the network. `open_engine` gives the one that the configuration asks for."""

from pathlib import Path

from damer.weights import SHIPPED_MODEL
from streamer.engines.onnx import OnnxEngine
from streamer.engines.protocol import Engine, Estimate, KalmanSettings

__all__ = ["Engine", "Estimate", "KalmanSettings", "OnnxEngine", "open_engine"]


def open_engine(model: Path | None = None) -> Engine:
    """Open ONNX Runtime on the given weights, or on the shipped ones.

    Raises
    ------
    EngineError
        The weights cannot be used; the message says why.
    """
    return OnnxEngine(model or SHIPPED_MODEL)
