"""Find and read the configuration file; resolve its relative paths.

The search paths are our own rather than platformdirs', which takes relative values of
XDG_CONFIG_HOME and other folders on macOS and Windows.
"""

import re
import sys
import tomllib
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from streamer import limits
from streamer.config.layer import display_path, flatten
from streamer.config.schema import find_node
from streamer.errors import ConfigError
from streamer.helpers import truncate

SYSTEM_FILE = Path("/etc/streamer/config.toml")
"""Configuration of the machine, used if there is none in the nearer folders."""

_ROOT = Path(__file__).parents[2]
_INPUT_WORDS = {"demo", "mic", "-"}
_PART = r"""(?>[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.){0,100}"|'[^'\n]{0,100}')"""
_LONG_KEY = re.compile(
    rf"(?:^|[\[{{,])(?>[ \t]*){_PART}(?:[ \t]*\.[ \t]*{_PART}){{{limits.MAX_KEY_PARTS}}}",
    re.MULTILINE,
)


def search_paths(environ: Mapping[str, str]) -> list[Path]:
    """Return the paths at which a configuration is looked for, in order of precedence.

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
    """Read the given file, or else the first of `search_paths` that exists.

    Returns
    -------
    Path and content of the file; None and an empty dict if there is none.

    Raises
    ------
    ConfigError
        The given file is missing, or a file cannot be read or is not TOML in UTF-8.
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
    """Return the default configuration file, with a comment for each key."""
    packaged = Path(__file__).with_name("default.toml")
    source = packaged if packaged.is_file() else _ROOT / "config.toml"
    return source.read_text(encoding="utf-8")


def _read(path: Path) -> dict[str, Any]:
    try:
        text = _read_bytes(path).decode("utf-8-sig")
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
            f"{display_path(path)}: cannot read the configuration: {reason}; correct the path, or "
            "allow this user to read it"
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


def _read_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(limits.MAX_CONFIG_BYTES + 1)
    if len(content) > limits.MAX_CONFIG_BYTES:
        raise ConfigError(
            f"{display_path(path)}: cannot read the configuration: it has more than "
            f"{limits.MAX_CONFIG_BYTES} bytes; correct the path"
        )
    return content


def resolve_relative_paths(content: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return a file's content with its paths resolved against the file's folder."""
    result: dict[str, Any] = deepcopy(dict(content))
    for path, value in flatten(content):
        if (find_node(path) or {}).get("format") == "path":
            table: Any = result
            for step in path[:-1]:
                table = table[step]
            table[path[-1]] = _resolve(value, folder)
    for zone in result.get("zones", []):
        entry = zone.get("input", "demo")
        if entry not in _INPUT_WORDS and "://" not in entry:
            zone["input"] = _resolve(entry, folder)
    return result


def _resolve(text: str, folder: Path) -> str:
    try:
        return str(folder / Path(text).expanduser())
    except RuntimeError:
        raise ConfigError(
            f'cannot resolve "{text}": the home folder is unknown; write the whole path'
        ) from None


def parse_toml(text: str) -> dict[str, Any]:
    """Parse TOML in a time that is linear in its length.

    `tomllib` takes time quadratic in the number of parts of a dotted key, so that is limited.

    Raises
    ------
    ValueError
        The text is not TOML, or a key has more than `limits.MAX_KEY_PARTS` parts.
    RecursionError
        The content is nested too deeply.
    """
    if _LONG_KEY.search(text):
        raise ValueError(f"a key has more than {limits.MAX_KEY_PARTS} parts")
    return tomllib.loads(text)
