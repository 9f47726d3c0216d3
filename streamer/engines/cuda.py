"""NVIDIA's runtime, as far as engines need it: what GPU is here, and calls that raise."""

from collections.abc import Callable
from typing import Any, NamedTuple

from streamer.errors import EngineError


class Gpu(NamedTuple):
    """The first NVIDIA GPU of this machine.

    Attributes
    ----------
    name
        Of the product.
    capability
        Compute capability, such as "8.9".
    """

    name: str
    capability: str


def load_runtime() -> Any:
    """Load `cuda.bindings.runtime`.

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
    """Call a function of the runtime; give what it answers beside its error code.

    Raises
    ------
    EngineError
        The call failed; the message is CUDA's.
    """
    error, *answer = function(*arguments)
    if error:
        _, text = load_runtime().cudaGetErrorString(error)
        raise EngineError(f"CUDA: {text.decode()}")
    return answer[0] if len(answer) == 1 else answer


def find_gpu() -> Gpu:
    """Find the GPU that engines run on.

    Raises
    ------
    EngineError
        There is none, or its driver does not fit.
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
