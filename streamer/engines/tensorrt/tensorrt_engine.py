"""TensorRT engine: preallocated memory, its own stream, one CUDA graph per batch size."""

import ctypes
import threading
from pathlib import Path
from typing import Any

import numpy as np

from streamer.engines.cuda import call, find_gpu, load_runtime
from streamer.engines.fixed_batches import infer_in_batches
from streamer.engines.onnx_engine import OUTPUTS, read_model_metadata
from streamer.engines.protocol import Array, Estimate
from streamer.engines.tensorrt.builder import load_library
from streamer.engines.tensorrt.engine_cache import BUILD_HINT, default_cache_folder, find_engine
from streamer.errors import EngineError


class TensorRTEngine:
    """Runs the cached engine that was built from an ONNX file for the present GPU.

    A batch is padded to the next size that the engine was built for; a larger one is split.

    Parameters
    ----------
    model
        ONNX file.
    folder
        Cache folder. Default: `default_cache_folder()`.

    Raises
    ------
    EngineError
        TensorRT, a GPU or a fitting engine is missing, or the GPU has too little memory.
    """

    def __init__(self, model: Path, folder: Path | None = None) -> None:
        library, gpu = load_library(), find_gpu()
        path, label = find_engine(model, library, gpu.capability, folder or default_cache_folder())
        self.model, self.front_end, self.smoothing = read_model_metadata(model)
        self.name = f"{library.title}, {gpu.name}"
        self.last_error = ""
        runtime = load_runtime()
        self._stream = call(runtime.cudaStreamCreateWithFlags, runtime.cudaStreamNonBlocking)
        self._engine = library.module.Runtime(library.log).deserialize_cuda_engine(
            path.read_bytes()
        )
        if self._engine is None:
            raise EngineError(f"cannot open {path}: {library.log.last_error}; {BUILD_HINT}")
        profiles = sorted(enumerate(label.batches), key=lambda pair: pair[1])
        self._batches = [
            _GraphBatch(library.module, self._engine, profile, size, self._stream)
            for profile, size in profiles
        ]
        self._lock = threading.Lock()

    def infer(self, mel: Array, cochleagram: Array) -> Estimate:
        """Predict a batch of windows; see `Engine.infer`."""
        with self._lock:
            return infer_in_batches(self._batches, mel, cochleagram)


class _GraphBatch:
    """One batch size: host and device buffers, and a CUDA graph of copies and kernels."""

    def __init__(self, trt: Any, engine: Any, profile: int, size: int, stream: Any) -> None:
        self.size, self._stream = size, stream
        self._runtime = runtime = load_runtime()
        self._context = _make_context(trt, engine)
        if self._context is None:
            raise EngineError(f"the GPU has too little memory for batches of {size}")
        self._context.set_optimization_profile_async(profile, int(stream))
        self._host: dict[str, Array] = {}
        self._device: dict[str, Any] = {}
        inputs = []
        for number in range(engine.num_io_tensors):
            name = engine.get_tensor_name(number)
            shape = (size, *tuple(engine.get_tensor_shape(name))[1:])
            if engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT:
                inputs.append(name)
                self._context.set_input_shape(name, shape)
            self._host[name] = _pinned_zeros(runtime, shape)
            self._device[name] = call(runtime.cudaMalloc, self._host[name].nbytes)
            self._context.set_tensor_address(name, int(self._device[name]))
        self._enqueue(inputs)  # the first run compiles and allocates, which a graph cannot capture
        call(runtime.cudaStreamSynchronize, stream)
        mode = runtime.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        call(runtime.cudaStreamBeginCapture, stream, mode)
        self._enqueue(inputs)
        graph = call(runtime.cudaStreamEndCapture, stream)
        self._graph = call(runtime.cudaGraphInstantiate, graph, 0)

    def _enqueue(self, inputs: list[str]) -> None:
        """Enqueue copies and kernels on the stream."""
        for name in inputs:
            self._copy(name, self._device[name], self._host[name].ctypes.data, "HostToDevice")
        if not self._context.execute_async_v3(int(self._stream)):
            raise EngineError("TensorRT could not run the engine")
        for name in OUTPUTS:
            self._copy(name, self._host[name].ctypes.data, self._device[name], "DeviceToHost")

    def _copy(self, name: str, target: Any, source: Any, direction: str) -> None:
        kind = getattr(self._runtime.cudaMemcpyKind, f"cudaMemcpy{direction}")
        size = self._host[name].nbytes
        call(self._runtime.cudaMemcpyAsync, target, source, size, kind, self._stream)

    def run(self, mel: Array, cochleagram: Array) -> tuple[Array, ...]:
        """Predict at most `size` windows: valence, arousal and their deviations."""
        count = len(mel)
        self._host["mel"][:count], self._host["cochleagram"][:count] = mel, cochleagram
        call(self._runtime.cudaGraphLaunch, self._graph, self._stream)
        call(self._runtime.cudaStreamSynchronize, self._stream)
        return tuple(self._host[name][:count].copy() for name in OUTPUTS)


def _make_context(trt: Any, engine: Any) -> Any:
    """Create an execution context; in the RTX edition one that compiles its kernels eagerly.

    By default that edition starts with slower generic kernels, and a graph would capture those.
    """
    strategies = getattr(trt, "DynamicShapesKernelSpecializationStrategy", None)
    if strategies is None:
        return engine.create_execution_context()
    config = engine.create_runtime_config()
    config.dynamic_shapes_kernel_specialization_strategy = strategies.EAGER
    return engine.create_execution_context(runtime_config=config)


def _pinned_zeros(runtime: Any, shape: tuple[int, ...]) -> Array:
    """Return zeros in page-locked host memory."""
    count = int(np.prod(shape))
    address = call(runtime.cudaMallocHost, count * np.dtype(np.float32).itemsize)
    array: Array = np.ctypeslib.as_array((ctypes.c_float * count).from_address(int(address)))
    array[:] = 0.0
    return array.reshape(shape)
