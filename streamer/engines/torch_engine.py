"""torch on a GPU, with a CUDA graph for each batch size: for cards that TensorRT is not there for.

The network is built again from `damer.nn`, its weights are read from the ONNX file.
"""

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from streamer.engines.fixed_batches import BATCH_SIZES, infer_in_batches
from streamer.engines.onnx_engine import read_model_metadata
from streamer.engines.protocol import Array, Estimate
from streamer.errors import EngineError

_UNUSED = ("network.mel_head.", "network.cochleagram_head.")  # the runtime asks the fused head only


class TorchEngine:
    """Runs the weights of an ONNX file of ours on torch.

    Parameters
    ----------
    model
        The ONNX file, in single precision.
    device
        "cuda", or "cpu" to compare.
    batches
        Windows at a time that memory is set aside for.

    Raises
    ------
    EngineError
        torch or a GPU is missing, or the file holds another network.
    """

    def __init__(
        self, model: Path, device: str = "cuda", batches: Sequence[int] = BATCH_SIZES
    ) -> None:
        about = read_model_metadata(model)
        try:
            import torch
        except ImportError:
            raise EngineError("torch is not installed") from None
        if device == "cuda" and not torch.cuda.is_available():
            raise EngineError(f"torch {torch.__version__} sees no NVIDIA GPU")
        where = torch.cuda.get_device_name(0) if device == "cuda" else "CPU"
        self.name = f"torch {torch.__version__}, {where}"
        self.model, self.front_end, self.smoothing = about.name, about.front_end, about.smoothing
        self.last_error = ""
        network = _load_network(model)
        spec = about.front_end
        shapes = [
            (bands, spec.window_frames) for bands in (spec.mel_bands, spec.gammatone_channels)
        ]
        kind = _Graph if device == "cuda" else _Eager
        try:
            self._plans = [kind(network.to(device), size, shapes) for size in sorted(batches)]
        except RuntimeError as error:
            raise _of(error) from None
        self._lock = threading.Lock()

    def infer(self, mel: Array, cochleagram: Array) -> Estimate:
        """Answer for a batch of windows; see `Engine.infer`."""
        try:
            with self._lock:
                return infer_in_batches(self._plans, mel, cochleagram)
        except RuntimeError as error:  # torch's name for whatever the GPU cannot do
            raise _of(error) from None


def _of(error: RuntimeError) -> EngineError:
    reason = str(error).strip() or "it failed"
    return EngineError(f"torch: {reason.splitlines()[0]}")


def _load_network(model: Path) -> Any:
    """Build the network of an ONNX file with its weights."""
    import torch

    from damer.nn import DAMER, NetworkSize

    weights, training = _read_weights(model)
    try:
        network = DAMER(NetworkSize.from_stored(training["recipe"]["network"]))
        missing, _ = network.load_state_dict(
            {name.removeprefix("network."): torch.from_numpy(w) for name, w in weights.items()},
            strict=False,
        )
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise EngineError(f"{model} holds a network that torch cannot build: {error}") from None
    lost = [name for name in missing if not f"network.{name}".startswith(_UNUSED)]
    if lost:
        raise EngineError(f"{model} holds no weights for {', '.join(lost)}; is it in eight bits?")
    return network.eval()


def _read_weights(model: Path) -> tuple[dict[str, Array], dict[str, Any]]:
    """Weights by their names in the network, and how they were made.

    A matrix of a layer stands in the file transposed, under a name of its own, in front of the
    addition of the layer's bias.
    """
    import onnx
    from onnx import numpy_helper

    content = onnx.load(model)
    known = {one.name: numpy_helper.to_array(one) for one in content.graph.initializer}
    biases = {
        source: bias
        for node in content.graph.node
        if node.op_type == "Add"
        for source, bias in (node.input, reversed(node.input))
        if bias.endswith(".bias")
    }
    weights = {name: array for name, array in known.items() if name.startswith("network.")}
    for node in content.graph.node:
        bias = biases.get(node.output[0])
        if node.op_type == "MatMul" and bias and node.input[1] in known:
            weights[f"{bias.removesuffix('.bias')}.weight"] = known[node.input[1]].T
    metadata = {entry.key: entry.value for entry in content.metadata_props}
    weights = {name: np.array(array, dtype=np.float32) for name, array in weights.items()}
    return weights, json.loads(metadata["training"])


class _Eager:
    """One batch size without a graph."""

    def __init__(self, network: Any, size: int, shapes: list[tuple[int, int]]) -> None:
        import torch

        self.size, self._torch, self._network = size, torch, network
        device = next(network.parameters()).device
        self._views = [torch.zeros(size, *shape, device=device) for shape in shapes]

    def run(self, mel: Array, cochleagram: Array) -> tuple[Array, ...]:
        """Answer for at most `size` windows: valence, arousal and their deviations."""
        count = len(mel)
        for buffer, view in zip(self._views, (mel, cochleagram), strict=True):
            buffer[:count].copy_(self._torch.from_numpy(np.ascontiguousarray(view)))
        answer = self._forward()[:count].cpu().numpy()
        return tuple(answer.T.copy())

    def _forward(self) -> Any:
        with self._torch.inference_mode():
            return self._answer()

    def _answer(self) -> Any:
        fused = self._network(*self._views).fused
        return self._torch.cat([fused.mean, fused.std], dim=1)


class _Graph(_Eager):
    """One batch size, recorded once and played back: no time goes to starting kernels."""

    def __init__(self, network: Any, size: int, shapes: list[tuple[int, int]]) -> None:
        super().__init__(network, size, shapes)
        torch = self._torch
        stream = torch.cuda.Stream()
        with torch.inference_mode(), torch.cuda.stream(stream):
            for _ in range(3):  # libraries set themselves up before a graph is recorded
                self._answer()
        torch.cuda.current_stream().wait_stream(stream)
        self._graph = torch.cuda.CUDAGraph()
        with torch.inference_mode(), torch.cuda.graph(self._graph):
            self._out = self._answer()

    def _forward(self) -> Any:
        self._graph.replay()
        return self._out
