"""From an ONNX file to an engine for certain GPUs, which need not be there.

TensorRT in whichever package it comes: `tensorrt_rtx` (for RTX cards, on PyPI) or `tensorrt`.
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


class TensorRTLibrary(NamedTuple):
    """The library that was found.

    Attributes
    ----------
    module
        The package, whose interface is the same in both editions.
    package, version
        Which one it is.
    log
        What it logs to; there is one for the whole process.
    """

    module: Any
    package: str
    version: str
    log: Any

    @property
    def title(self) -> str:
        """Name for people, with the version."""
        return f"{_TITLES[self.package]} {self.version}"


def supported_capabilities(library: TensorRTLibrary) -> list[str]:
    """Compute capabilities of the GPUs that can be built for, such as "8.9".

    None of an edition that builds for the GPU at hand only.
    """
    known = getattr(library.module, "ComputeCapability", None)
    members = known.__members__ if known else ()
    found = [match for name in members if (match := re.fullmatch(r"SM(\d+)(\d)", name))]
    return [f"{one[1]}.{one[2]}" for one in found]


def build_engine(
    model: Path,
    library: TensorRTLibrary,
    capabilities: Sequence[str] = (),
    batches: Sequence[int] = BATCH_SIZES,
    on_phase: Callable[[str], object] = lambda _: None,
) -> bytes:
    """Build an engine; a second or two of work.

    Precision is that of the ONNX file: networks are strongly typed.

    Parameters
    ----------
    model
        ONNX file with any batch size.
    library
        What builds.
    capabilities
        Compute capabilities of the GPUs it is for, none for the one at hand.
    batches
        Windows at a time: one profile each, of fixed size.
    on_phase
        Called with the name of each phase of the work.

    Raises
    ------
    EngineError
        The file is missing or cannot be built, a GPU is not supported, or none is here.
    """
    trt = library.module
    possible = supported_capabilities(library)
    for one in capabilities:
        if one not in possible:
            known = ", ".join(possible) or "the GPU at hand only"
            raise EngineError(f"{library.title} builds for {known}, not for {one}")
    try:
        content = model.read_bytes()
    except OSError as error:
        raise EngineError(f"{model} cannot be read: {error.strerror}") from None
    library.log.last_error = ""
    try:
        builder = trt.Builder(library.log)
        flags = 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
        network = builder.create_network(flags)
        parser = trt.OnnxParser(network, library.log)
    except (RuntimeError, TypeError, AttributeError) as error:
        reason = library.log.last_error or error
        raise EngineError(f"{library.title} does not start: {reason}") from None
    on_phase("Reading the network")
    if not parser.parse(content) or not network.num_outputs:
        raise EngineError(f"{library.title} cannot read {model}: {_why_not_read(parser)}")
    config = builder.create_builder_config()
    config.progress_monitor = _make_monitor(trt, on_phase)
    for count in batches:
        config.add_optimization_profile(_profile(builder, network, count))
    if capabilities:
        config.num_compute_capabilities = len(capabilities)
        for place, one in enumerate(capabilities):
            number = getattr(trt.ComputeCapability, "SM" + one.replace(".", ""))
            config.set_compute_capability(number, place)
    engine = builder.build_serialized_network(network, config)
    if engine is None:
        reason = _first_line(library.log.last_error)
        raise EngineError(f"{library.title} cannot build {model}: {reason}")
    return bytes(engine)


def _profile(builder: Any, network: Any, count: int) -> Any:
    profile = builder.create_optimization_profile()
    for number in range(network.num_inputs):
        view = network.get_input(number)
        shape = (count, *tuple(view.shape)[1:])
        profile.set_shape(view.name, shape, shape, shape)
    return profile


def _make_monitor(trt: Any, on_phase: Callable[[str], object]) -> Any:
    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]  # of a module of either name
        def __init__(self) -> None:
            super().__init__()

        def phase_start(self, name: str, *_: object) -> None:
            on_phase(name)

        def step_complete(self, *_: object) -> bool:
            return True

        def phase_finish(self, *_: object) -> None:
            pass

    return Monitor()


def _why_not_read(parser: Any) -> str:
    errors = [parser.get_error(number) for number in range(parser.num_errors)]
    unknown = sorted({error.node_operator() for error in errors} - {""})
    if unknown:
        return f"it has no {', '.join(unknown)}, as eight-bit weights want"
    return _first_line(errors[0].desc()) if errors else "it is no network"


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else "it does not say why"


_TITLES = {"tensorrt_rtx": "TensorRT for RTX", "tensorrt": "TensorRT"}
_logger = logging.getLogger(__name__)


@cache
def load_library() -> TensorRTLibrary:
    """Load TensorRT, the edition for RTX cards where both are there.

    Raises
    ------
    EngineError
        Neither is installed, or it does not load.
    """
    for package in _TITLES:
        try:
            module = importlib.import_module(package)
        except ModuleNotFoundError as error:
            if error.name != package:
                raise EngineError(f"{package} is installed, but not {error.name}") from None
        except (ImportError, OSError) as error:
            raise EngineError(f"{package} is installed, but does not load: {error}") from None
        else:
            return TensorRTLibrary(module, package, module.__version__, _make_log(module))
    raise EngineError(
        'TensorRT is not installed; `pip install "damer-streamer[gpu]"` brings the edition for RTX '
        "cards"
    )


def _make_log(module: Any) -> Any:
    """Make what TensorRT logs to: its last error stays in `last_error`."""
    severity = module.ILogger.Severity

    class Log(module.ILogger):  # type: ignore[misc]  # of a module of either name
        def __init__(self) -> None:
            super().__init__()
            self.last_error = ""

        def log(self, level: Any, message: str) -> None:
            if level <= severity.ERROR:
                self.last_error = message
                _logger.debug("%s", message)
            elif level == severity.WARNING:
                _logger.debug("%s", message)

    return Log()
