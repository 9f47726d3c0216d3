"""torch engine for GPUs without TensorRT: one CUDA graph per batch size.

The network is built by `damer.nn`; its weights are read from the ONNX file.
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

_UNUSED = ("network.mel_head.", "network.cochleagram_head.")  # exported is the fused head only


class TorchEngine:
    """Runs exported weights on torch.

    Parameters
    ----------
    model
        ONNX file in single precision.
    device
        "cuda", or "cpu" for comparison. Default: "cuda".
    batches
        Batch sizes, in windows, with preallocated memory. Default: 1, 8, 32.

    Raises
    ------
    EngineError
        torch or a GPU is missing, or the file holds another network.
    """

    def __init__(
        self, model: Path, device: str = "cuda", batches: Sequence[int] = BATCH_SIZES
    ) -> None:
        metadata = read_model_metadata(model)
        try:
            import torch
        except ImportError:
            raise EngineError("torch is not installed") from None
        if device == "cuda" and not torch.cuda.is_available():
            raise EngineError(f"torch {torch.__version__} sees no NVIDIA GPU")
        device_name = torch.cuda.get_device_name(0) if device == "cuda" else "CPU"
        self.name = f"torch {torch.__version__}, {device_name}"
        self.model, self.front_end, self.smoothing = metadata
        self.last_error = ""
        network = _load_network(model)
        spec = self.front_end
        shapes = [
            (bands, spec.window_frames) for bands in (spec.mel_bands, spec.gammatone_channels)
        ]
        executor = _GraphBatch if device == "cuda" else _EagerBatch
        try:
            self._batches = [executor(network.to(device), size, shapes) for size in sorted(batches)]
        except RuntimeError as error:
            raise _engine_error(error) from None
        self._lock = threading.Lock()

    def infer(self, mel: Array, cochleagram: Array) -> Estimate:
        """Predict a batch of windows; see `Engine.infer`."""
        try:
            with self._lock:
                return infer_in_batches(self._batches, mel, cochleagram)
        except RuntimeError as error:  # torch raises it for every GPU error
            raise _engine_error(error) from None


def _engine_error(error: RuntimeError) -> EngineError:
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
        raise EngineError(f"cannot build the network of {model} in torch: {error}") from None
    missing = [name for name in missing if not f"network.{name}".startswith(_UNUSED)]
    if missing:
        raise EngineError(
            f"{model} holds no weights for {', '.join(missing)}; is it in eight bits?"
        )
    return network.eval()


def _read_weights(model: Path) -> tuple[dict[str, Array], dict[str, Any]]:
    """Return the weights by their names in the network, and the training metadata.

    The exporter stores a layer's matrix transposed under a generated name; it is found through the
    addition of the layer's bias that follows the product.
    """
    import onnx
    from onnx import numpy_helper

    content = onnx.load(model)
    initializers = {each.name: numpy_helper.to_array(each) for each in content.graph.initializer}
    biases = {
        source: bias
        for node in content.graph.node
        if node.op_type == "Add"
        for source, bias in (node.input, reversed(node.input))
        if bias.endswith(".bias")
    }
    weights = {name: array for name, array in initializers.items() if name.startswith("network.")}
    for node in content.graph.node:
        bias = biases.get(node.output[0])
        if node.op_type == "MatMul" and bias and node.input[1] in initializers:
            weights[f"{bias.removesuffix('.bias')}.weight"] = initializers[node.input[1]].T
    metadata = {entry.key: entry.value for entry in content.metadata_props}
    weights = {name: np.array(array, dtype=np.float32) for name, array in weights.items()}
    return weights, json.loads(metadata["training"])


class _EagerBatch:
    """One batch size without a CUDA graph."""

    def __init__(self, network: Any, size: int, shapes: list[tuple[int, int]]) -> None:
        import torch

        self.size, self._torch, self._network = size, torch, network
        device = next(network.parameters()).device
        self._views = [torch.zeros(size, *shape, device=device) for shape in shapes]

    def run(self, mel: Array, cochleagram: Array) -> tuple[Array, ...]:
        """Predict at most `size` windows: valence, arousal and their deviations."""
        count = len(mel)
        for buffer, view in zip(self._views, (mel, cochleagram), strict=True):
            buffer[:count].copy_(self._torch.from_numpy(np.ascontiguousarray(view)))
        output = self._execute()[:count].cpu().numpy()
        return tuple(output.T.copy())

    def _execute(self) -> Any:
        with self._torch.inference_mode():
            return self._forward()

    def _forward(self) -> Any:
        fused = self._network(*self._views).fused
        return self._torch.cat([fused.mean, fused.std], dim=1)  # (size, 4)


class _GraphBatch(_EagerBatch):
    """One batch size as a CUDA graph, captured once and replayed: no kernel launch overhead."""

    def __init__(self, network: Any, size: int, shapes: list[tuple[int, int]]) -> None:
        super().__init__(network, size, shapes)
        torch = self._torch
        stream = torch.cuda.Stream()
        with torch.inference_mode(), torch.cuda.stream(stream):
            for _ in range(3):  # libraries allocate and initialise before the capture
                self._forward()
        torch.cuda.current_stream().wait_stream(stream)
        self._graph = torch.cuda.CUDAGraph()
        with torch.inference_mode(), torch.cuda.graph(self._graph):
            self._output = self._forward()

    def _execute(self) -> Any:
        self._graph.replay()
        return self._output
