"""Relative paths of a configuration file start at that file's folder."""

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from streamer.errors import ConfigError

_WORDS = {"demo", "mic", "-"}
_PATHS = (
    ("tracking", "calibration"),
    ("engine", "model"),
    ("mqtt", "password_file"),
    ("mqtt", "ca_file"),
    ("mqtt", "cert_file"),
    ("mqtt", "key_file"),
    ("lights", "show"),
    ("record", "folder"),
)


def anchored(content: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return a validated file's content with its paths made relative to the working directory."""
    result: dict[str, Any] = deepcopy(dict(content))
    for table, key in _PATHS:
        node = result.get(table, {})
        if node.get(key) is not None:
            node[key] = _path(node[key], folder)
    for zone in result.get("zones", []):
        entry = zone.get("input", "demo")
        if entry not in _WORDS and "://" not in entry:
            zone["input"] = _path(entry, folder)
    return result


def _path(text: str, folder: Path) -> str:
    try:
        return str(folder / Path(text).expanduser())
    except RuntimeError:
        raise ConfigError(
            f'"{text}": the home folder that "~" stands for is not known; write the whole path'
        ) from None
