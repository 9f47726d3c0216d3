"""Fuzz targets by name."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from tests.fuzz.targets.base import Target


class _LazyTarget:
    """Target that is imported when it is created, because imports take seconds."""

    def __init__(self, module: str, name: str, *, share: float, timeout: float) -> None:
        self.share, self.timeout = share, timeout
        self._module, self._name = module, name

    def __call__(self, folder: Path) -> Target:
        make: Callable[[Path], Target] = getattr(
            import_module(f"tests.fuzz.targets.{self._module}"), self._name
        )
        target = make(folder)
        target.timeout = self.timeout
        return target


TARGETS = {
    "config": _LazyTarget("config", "ConfigTarget", share=1.0, timeout=20.0),
    "commands": _LazyTarget("commands", "CommandTarget", share=1.0, timeout=20.0),
    "stdin": _LazyTarget("stdin", "StdinTarget", share=1.0, timeout=20.0),
    "files": _LazyTarget("files", "FileTarget", share=3.0, timeout=60.0),
    "shows": _LazyTarget("shows", "ShowTarget", share=1.0, timeout=20.0),
    "recordings": _LazyTarget("recordings", "RecordingTarget", share=1.5, timeout=30.0),
    "http": _LazyTarget("http", "HttpTarget", share=2.0, timeout=60.0),
    "state": _LazyTarget("state", "StateTarget", share=0.5, timeout=20.0),
}
"""Factories by name; `share` of the total time, `timeout` in seconds per input."""

SELF_TEST = {"broken": _LazyTarget("broken", "BrokenTarget", share=0.0, timeout=1.0)}
ALL = TARGETS | SELF_TEST

__all__ = ["ALL", "TARGETS", "Target"]
