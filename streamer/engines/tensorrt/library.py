"""TensorRT in whichever package it comes: `tensorrt_rtx` (for RTX cards, on PyPI) or `tensorrt`."""

import importlib
import logging
from functools import cache
from typing import Any, NamedTuple

from streamer.errors import EngineError

_TITLES = {"tensorrt_rtx": "TensorRT for RTX", "tensorrt": "TensorRT"}
_logger = logging.getLogger(__name__)


class Library(NamedTuple):
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


@cache
def load_library() -> Library:
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
            return Library(module, package, module.__version__, _make_log(module))
    raise EngineError(
        'TensorRT is not installed; `pip install "damer-streamer[gpu]"` brings the edition for RTX '
        "cards"
    )


def _make_log(module: Any) -> Any:
    """Make what TensorRT logs to: its warnings become ours, its last error stays in `trouble`."""
    severity = module.ILogger.Severity

    class Log(module.ILogger):  # type: ignore[misc]  # of a module of either name
        def __init__(self) -> None:
            super().__init__()
            self.trouble = ""

        def log(self, level: Any, message: str) -> None:
            if level <= severity.ERROR:
                self.trouble = message
                _logger.debug("%s", message)
            elif level == severity.WARNING:
                _logger.debug("%s", message)

    return Log()
