"""CUDA runtime calls that raise on error, and the GPU they find."""

from collections.abc import Callable
from typing import Any, NamedTuple

from streamer.errors import EngineError


class Gpu(NamedTuple):
    """The first NVIDIA GPU of this machine.

    Attributes
    ----------
    name
        Product name.
    capability
        Compute capability, such as "8.9".
    """

    name: str
    capability: str


def load_runtime() -> Any:
    """Import `cuda.bindings.runtime`.

    Raises
    ------
    EngineError
        It is not installed.
    """
    try:
        from cuda.bindings import runtime
    except ImportError:
        raise EngineError(
            'the CUDA bindings are not installed; `pip install "damer-streamer[gpu]"`'
        ) from None
    return runtime


def call(function: Callable[..., tuple[Any, ...]], *arguments: object) -> Any:
    """Call a CUDA runtime function; return its result without the error code.

    Raises
    ------
    EngineError
        The call failed; the message is CUDA's.
    """
    error, *result = function(*arguments)
    if error:
        _, text = load_runtime().cudaGetErrorString(error)
        raise EngineError(f"CUDA: {text.decode()}")
    return result[0] if len(result) == 1 else result


def find_gpu() -> Gpu:
    """Return the GPU that engines run on.

    Raises
    ------
    EngineError
        There is no GPU, or its driver is too old.
    """
    runtime = load_runtime()
    try:
        count = call(runtime.cudaGetDeviceCount)
    except EngineError as error:
        raise EngineError(f"no NVIDIA GPU can be used here ({error})") from None
    if not count:
        raise EngineError("no NVIDIA GPU can be used here")
    properties = call(runtime.cudaGetDeviceProperties, 0)
    return Gpu(properties.name.decode(), f"{properties.major}.{properties.minor}")
