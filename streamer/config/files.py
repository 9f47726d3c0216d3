"""Configuration files: where they lie, and reading one."""

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from streamer import limits
from streamer.config.layer import named
from streamer.config.toml import parse_toml
from streamer.errors import ConfigError
from streamer.text import brief

SYSTEM_FILE = Path("/etc/streamer/config.toml")
"""The configuration of the machine, used where there is no nearer one."""

_ROOT = Path(__file__).parents[2]


def places(environ: Mapping[str, str]) -> list[Path]:
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
                f"{named(path)}: there is no such configuration file; correct the path or leave "
                "it out"
            ) from None
    for candidate in places(environ):
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
            f"{named(path)}:{line}: this is not UTF-8; save the file as UTF-8"
        ) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError(f"{named(path)}: the configuration cannot be read: {reason}") from None
    try:
        return parse_toml(text)
    except RecursionError:
        raise ConfigError(f"{named(path)}: not valid TOML: nested too deeply") from None
    except ValueError as error:
        reason = re.sub(r" \(at [^()]*\)$", "", str(error))
        at = re.search(r"\(at line (\d+), column (\d+)\)$", str(error))
        where = f":{at[1]}:{at[2]}" if at else ":" + str(max(1, len(text.splitlines())))
        raise ConfigError(f"{named(path)}{where}: not valid TOML: {brief(reason)}") from None


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(limits.CONFIGURATION_BYTES + 1)
    if len(content) > limits.CONFIGURATION_BYTES:
        raise ConfigError(
            f"{named(path)}: no configuration is larger than {limits.CONFIGURATION_BYTES} bytes"
        )
    return content
