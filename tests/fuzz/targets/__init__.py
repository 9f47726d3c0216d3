"""What is fuzzed, by name."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from tests.fuzz.targets.base import Target


class _Later:
    """A target that is imported when it is made; what it needs takes seconds."""

    def __init__(self, module: str, name: str, *, share: float, patience: float) -> None:
        self.share, self.patience = share, patience
        self._module, self._name = module, name

    def __call__(self, folder: Path) -> Target:
        make: Callable[[Path], Target] = getattr(
            import_module(f"tests.fuzz.targets.{self._module}"), self._name
        )
        target = make(folder)
        target.patience = self.patience
        return target


TARGETS = {
    "config": _Later("config", "ConfigTarget", share=1.0, patience=20.0),
    "commands": _Later("commands", "CommandTarget", share=1.0, patience=20.0),
    "stdin": _Later("stdin", "StdinTarget", share=1.0, patience=20.0),
    "files": _Later("files", "FileTarget", share=3.0, patience=60.0),
    "shows": _Later("shows", "ShowTarget", share=1.0, patience=20.0),
    "recordings": _Later("recordings", "RecordingTarget", share=1.5, patience=30.0),
    "http": _Later("http", "HttpTarget", share=2.0, patience=60.0),
    "state": _Later("state", "StateTarget", share=0.5, patience=20.0),
}
"""By name: makes a target in a folder; `share` of the time, `patience` in seconds for an input."""

SELF_TEST = {"broken": _Later("broken", "BrokenTarget", share=0.0, patience=1.0)}
ALL = TARGETS | SELF_TEST

__all__ = ["ALL", "TARGETS", "Target"]
