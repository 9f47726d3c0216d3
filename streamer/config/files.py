"""Configuration files: where they lie, and reading one.

Relative paths of a configuration file start at that file's folder.

TOML in a time that grows with its length.
"""

import re
import sys
import tomllib
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from streamer import limits
from streamer.config.layer import display_path
from streamer.errors import ConfigError
from streamer.helpers import truncate

SYSTEM_FILE = Path("/etc/streamer/config.toml")
"""The configuration of the machine, used where there is no nearer one."""

_ROOT = Path(__file__).parents[2]


def search_paths(environ: Mapping[str, str]) -> list[Path]:
    """Return where a configuration is looked up, the nearest first.

    The working directory, the user's configuration folder (`$XDG_CONFIG_HOME`, by default
    `~/.config`; on Windows `%APPDATA%`), `/etc/streamer`.
    """
    found = [Path("config.toml")]
    xdg = environ.get("XDG_CONFIG_HOME", "")
    if sys.platform == "win32":
        if environ.get("APPDATA"):
            found.append(Path(environ["APPDATA"], "streamer", "config.toml"))
    elif Path(xdg).is_absolute():
        found.append(Path(xdg, "streamer", "config.toml"))
    elif environ.get("HOME"):
        found.append(Path(environ["HOME"], ".config", "streamer", "config.toml"))
    return [*found, SYSTEM_FILE]


def find_and_read(
    path: Path | None, environ: Mapping[str, str]
) -> tuple[Path | None, dict[str, Any]]:
    """Read the file that was asked for, or the first that exists.

    Returns
    -------
    The file's path and its content; None and nothing where no file exists.

    Raises
    ------
    ConfigError
        The file asked for is missing, or one cannot be read or is not TOML in UTF-8.
    """
    if path is not None:
        try:
            return path, _read(path)
        except (FileNotFoundError, NotADirectoryError):
            raise ConfigError(
                f"{display_path(path)}: there is no such configuration file; correct the path or "
                "leave it out"
            ) from None
    for candidate in search_paths(environ):
        try:
            return candidate, _read(candidate)
        except (FileNotFoundError, NotADirectoryError):
            continue
    return None, {}


def default_text() -> str:
    """Return the default configuration with its comments, to start a file of one's own from."""
    packaged = Path(__file__).with_name("default.toml")
    source = packaged if packaged.is_file() else _ROOT / "config.toml"
    return source.read_text(encoding="utf-8")


def _read(path: Path) -> dict[str, Any]:
    try:
        text = _content(path).decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        raise
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError(
            f"{display_path(path)}:{line}: this is not UTF-8; save the file as UTF-8"
        ) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError(
            f"{display_path(path)}: the configuration cannot be read: {reason}"
        ) from None
    try:
        return parse_toml(text)
    except RecursionError:
        raise ConfigError(f"{display_path(path)}: not valid TOML: nested too deeply") from None
    except ValueError as error:
        reason = re.sub(r" \(at [^()]*\)$", "", str(error))
        at = re.search(r"\(at line (\d+), column (\d+)\)$", str(error))
        where = f":{at[1]}:{at[2]}" if at else ":" + str(max(1, len(text.splitlines())))
        raise ConfigError(
            f"{display_path(path)}{where}: not valid TOML: {truncate(reason)}"
        ) from None


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(limits.MAX_CONFIG_BYTES + 1)
    if len(content) > limits.MAX_CONFIG_BYTES:
        raise ConfigError(
            f"{display_path(path)}: no configuration is larger than {limits.MAX_CONFIG_BYTES} bytes"
        )
    return content


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


def resolve_relative_paths(content: Mapping[str, Any], folder: Path) -> dict[str, Any]:
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


_PART = r"""(?>[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.){0,100}"|'[^'\n]{0,100}')"""
_LONG_KEY = re.compile(
    rf"(?:^|[\[{{,])(?>[ \t]*){_PART}(?:[ \t]*\.[ \t]*{_PART}){{{limits.MAX_KEY_PARTS}}}",
    re.MULTILINE,
)


def parse_toml(text: str) -> dict[str, Any]:
    """Return what a file in TOML says.

    The time that `tomllib` takes grows with the square of a key's parts.

    Raises
    ------
    ValueError
        It is no TOML, or has a key of more than `limits.MAX_KEY_PARTS` parts.
    RecursionError
        It is nested too deeply.
    """
    if _LONG_KEY.search(text):
        raise ValueError(f"a key has more than {limits.MAX_KEY_PARTS} parts")
    return tomllib.loads(text)
