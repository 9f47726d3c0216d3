"""Load TensorRT, and build engines from ONNX files; the target GPU need not be present.

Works with either package: `tensorrt_rtx` (for RTX cards, on PyPI) or `tensorrt`.
"""

import importlib
import logging
import re
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from streamer.engines.fixed_batches import BATCH_SIZES
from streamer.errors import EngineError

_TITLES = {"tensorrt_rtx": "TensorRT for RTX", "tensorrt": "TensorRT"}
_log = logging.getLogger(__name__)


class TensorRTLibrary(NamedTuple):
    """The installed edition of TensorRT.

    Attributes
    ----------
    module
        The package; both editions have the same interface.
    package, version
        Its name and version.
    log
        TensorRT's logger, one per process; `last_error` holds its last error message.
    """

    module: Any
    package: str
    version: str
    log: Any

    @property
    def title(self) -> str:
        """Name for people, with the version."""
        return f"{_TITLES[self.package]} {self.version}"


@cache
def load_library() -> TensorRTLibrary:
    """Import TensorRT; the edition for RTX cards if both are installed.

    Raises
    ------
    EngineError
        Neither is installed, or it cannot be loaded.
    """
    for package in _TITLES:
        try:
            module = importlib.import_module(package)
        except ModuleNotFoundError as error:
            if error.name != package:
                raise EngineError(f"{package} is installed, but not {error.name}") from None
        except (ImportError, OSError) as error:
            raise EngineError(f"{package} is installed, but cannot be loaded: {error}") from None
        else:
            return TensorRTLibrary(module, package, module.__version__, _make_log(module))
    raise EngineError(
        'TensorRT is not installed; `pip install "damer-streamer[gpu]"` brings the edition for RTX '
        "cards"
    )


def _make_log(module: Any) -> Any:
    """Create TensorRT's logger: warnings go to our debug log, errors to `last_error` as well."""
    severity = module.ILogger.Severity

    class Log(module.ILogger):  # type: ignore[misc]  # the base class is loaded at run time
        def __init__(self) -> None:
            super().__init__()
            self.last_error = ""

        def log(self, level: Any, message: str) -> None:
            if level <= severity.ERROR:
                self.last_error = message
            if level <= severity.WARNING:
                _log.debug("%s", message)

    return Log()


def supported_capabilities(library: TensorRTLibrary) -> list[str]:
    """Return the compute capabilities that can be built for, such as "8.9".

    Empty for an edition that builds for the present GPU only.
    """
    enum = getattr(library.module, "ComputeCapability", None)
    members = enum.__members__ if enum else ()
    found = [match for name in members if (match := re.fullmatch(r"SM(\d+)(\d)", name))]
    return [f"{match[1]}.{match[2]}" for match in found]


def build_engine(
    model: Path,
    library: TensorRTLibrary,
    capabilities: Sequence[str] = (),
    batches: Sequence[int] = BATCH_SIZES,
    on_phase: Callable[[str], object] = lambda _: None,
) -> bytes:
    """Build an engine, in a second or two.

    Its precision is that of the ONNX file: the network is strongly typed.

    Parameters
    ----------
    model
        ONNX file with dynamic batch size.
    library
        Edition of TensorRT.
    capabilities
        Compute capabilities of the target GPUs. Default: the present GPU.
    batches
        Batch sizes, in windows: one profile of fixed size each. Default: 1, 8, 32.
    on_phase
        Called with the name of each phase of the build.

    Raises
    ------
    EngineError
        The file is missing or cannot be built, a GPU is not supported, or none is present.
    """
    trt = library.module
    supported = supported_capabilities(library)
    for capability in capabilities:
        if capability not in supported:
            targets = ", ".join(supported) or "the GPU at hand only"
            raise EngineError(f"{library.title} builds for {targets}, not for {capability}")
    try:
        content = model.read_bytes()
    except OSError as error:
        raise EngineError(f"cannot read {model}: {error.strerror}") from None
    library.log.last_error = ""
    try:
        builder = trt.Builder(library.log)
        flags = 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
        network = builder.create_network(flags)
        parser = trt.OnnxParser(network, library.log)
    except (RuntimeError, TypeError, AttributeError) as error:
        reason = library.log.last_error or error
        raise EngineError(f"cannot start {library.title}: {reason}") from None
    on_phase("Reading the network")
    if not parser.parse(content) or not network.num_outputs:
        raise EngineError(f"{library.title} cannot read {model}: {_parser_error(parser)}")
    config = builder.create_builder_config()
    config.progress_monitor = _make_monitor(trt, on_phase)
    for size in batches:
        config.add_optimization_profile(_make_profile(builder, network, size))
    if capabilities:
        config.num_compute_capabilities = len(capabilities)
        for index, capability in enumerate(capabilities):
            number = getattr(trt.ComputeCapability, "SM" + capability.replace(".", ""))
            config.set_compute_capability(number, index)
    engine = builder.build_serialized_network(network, config)
    if engine is None:
        reason = _first_line(library.log.last_error)
        raise EngineError(f"{library.title} cannot build {model}: {reason}")
    return bytes(engine)


def _make_profile(builder: Any, network: Any, size: int) -> Any:
    """Create an optimisation profile of one fixed batch size."""
    profile = builder.create_optimization_profile()
    for index in range(network.num_inputs):
        view = network.get_input(index)
        shape = (size, *tuple(view.shape)[1:])
        profile.set_shape(view.name, shape, shape, shape)
    return profile


def _make_monitor(trt: Any, on_phase: Callable[[str], object]) -> Any:
    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]  # the base class is loaded at run time
        def __init__(self) -> None:
            super().__init__()

        def phase_start(self, name: str, *_: object) -> None:
            on_phase(name)

        def step_complete(self, *_: object) -> bool:
            return True

        def phase_finish(self, *_: object) -> None:
            pass

    return Monitor()


def _parser_error(parser: Any) -> str:
    errors = [parser.get_error(index) for index in range(parser.num_errors)]
    operators = sorted({error.node_operator() for error in errors} - {""})
    if operators:
        return f"it does not support {', '.join(operators)}, which eight-bit weights need"
    return _first_line(errors[0].desc()) if errors else "the file holds no network"


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else "no reason given"
