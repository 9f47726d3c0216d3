"""Load show files; report the first mistake in one line."""

import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from streamer import limits
from streamer.config import schema
from streamer.config.files import parse_toml
from streamer.config.layer import display_path, display_value
from streamer.errors import ConfigError
from streamer.helpers import escape_unprintable, truncate
from streamer.outputs.lights.dmx_patch import check_show, table_heading
from streamer.outputs.lights.show import (
    Anchor,
    ArtnetOutput,
    Fixture,
    FixtureType,
    OscMessage,
    OscOutput,
    Palette,
    SacnOutput,
    Show,
    ShowSettings,
    unknown_name,
)

_OUTPUTS: Mapping[object, type[BaseModel]] = {
    "sacn": SacnOutput,
    "artnet": ArtnetOutput,
    "osc": OscOutput,
}

_Path = tuple[str | int, ...]


def load_show(path: Path) -> Show:
    """Load and validate a show file.

    Raises
    ------
    ConfigError
        It cannot be read, is not TOML, or is invalid; the message is one line.
    """
    content = _read(path)
    try:
        show = Show.model_validate(content)
        check_show(show)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        # A misspelt key explains more than the key that is then missing.
        first = min(errors, key=lambda each: each["type"] == "missing")
        reason = _describe(first["loc"], first["type"], first["msg"], first.get("ctx", {}), content)
        raise ConfigError(f"{display_path(path)}: {reason}") from None
    except ValueError as error:
        raise ConfigError(f"{display_path(path)}: {error}") from None
    return show


def example_text() -> str:
    """Return the commented example show file."""
    return files("streamer.outputs.lights").joinpath("example.toml").read_text(encoding="utf-8")


def _read(path: Path) -> dict[str, Any]:
    name = display_path(path)
    try:
        with path.open("rb") as file:
            raw = file.read(limits.MAX_SHOW_BYTES + 1)
        if len(raw) > limits.MAX_SHOW_BYTES:
            raise ConfigError(f"{name}: a show file has at most {limits.MAX_SHOW_BYTES} bytes")
        return parse_toml(raw.decode("utf-8-sig"))
    except FileNotFoundError:
        raise ConfigError(
            f"cannot read show file {name}: no such file; create one with "
            "`streamer lights --example > show.toml`"
        ) from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigError(f"cannot read show file {name}: {reason}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{name}: not UTF-8; save the file as UTF-8") from None
    except RecursionError:
        raise ConfigError(f"{name}: not valid TOML: nested too deeply") from None
    except ValueError as error:
        raise ConfigError(f"{name}: not valid TOML: {truncate(str(error))}") from None


def _describe(
    path: _Path, kind: str, message: str, context: Mapping[str, Any], content: dict[str, Any]
) -> str:
    """Describe a pydantic error at a path of the file in one line."""
    if path[:1] == ("outputs",) and path[2:3] and path[2] in _OUTPUTS:
        path = (*path[:2], *path[3:])  # drop the tag of the discriminated union
    if kind == "value_error":
        reason = str(context["error"])
    elif kind == "missing" and isinstance(index := path[-1], int):
        path, reason = path[:-1], f"value {index + 1} is missing"
    elif kind == "missing":
        table = _heading(path[:-1], content)
        return f"{table}{path[-1]} is missing" if len(path) > 1 else f"[[{path[-1]}]] is missing"
    elif kind == "extra_forbidden":
        model = _model(path[:-1], content)
        known = [field.alias or name for name, field in model.model_fields.items()]
        return f"{_heading(path[:-1], content)}{unknown_name('key', str(path[-1]), known)}"
    elif kind == "union_tag_not_found":
        return f'{_heading(path, content)}give protocol = "sacn", "artnet" or "osc"'
    elif kind == "union_tag_invalid":
        path, reason = (*path, "protocol"), "it must be " + context["expected_tags"]
    elif kind == "too_short":
        reason = "it must not be empty"
    elif kind == "too_long":
        reason = f"it must have at most {context['max_length']} values"
    elif kind == "string_pattern_mismatch":
        reason = "it must be lower-case letters, digits and single hyphens"
    else:
        reason = re.sub(
            r"^Input should (be|have)", r"it must \1", message.partition(", unable to")[0]
        )
        reason = re.sub(r"a valid tuple|a valid list", "a list", reason)
        reason = re.sub(r"a valid dictionary.*", "a table", reason)
    return _locate(path, reason, content)


def _locate(path: _Path, reason: str, content: dict[str, Any]) -> str:
    """Prefix a reason with its table, key and value; add the closest valid value."""
    value = _value(content, path)
    if isinstance(value, str):
        match = schema.closest_match(value, re.findall(r"'([^']+)'", reason))
        reason += f'; did you mean "{match}"?' if match else ""
    if path and isinstance(path[-1], int) and not isinstance(value, dict):
        path = path[:-1]  # an item of a list: name the list's key
    if not path or isinstance(path[-1], int) or isinstance(value, dict):
        table = _heading(path, content).strip()
        return f"{table}: {reason}" if table else reason
    return f"{_heading(path[:-1], content)}{path[-1]} = {display_value(value)}: {reason}"


def _heading(path: _Path, content: dict[str, Any]) -> str:
    """Return the heading of the table at a path, followed by a space."""
    match path:
        case ("outputs" | "fixtures" as table, int(index), *rest):
            name = _value(content, (table, index, "name"))
            return f"{table_heading(table, index, name)} {_part(rest)}"
        case ("palettes" | "types" as table, str(name), *rest):
            quoted = name if re.fullmatch(r"[\w-]+", name) else display_value(name)
            return f"[{table}.{quoted}] {_part(rest)}"
        case (str(table), *_):
            return f"[{escape_unprintable(table)}] "
    return ""


def _part(path: list[str | int]) -> str:
    """Return the message or anchor at a path within a table, followed by a space."""
    match path:
        case ["messages" | "anchors" as parts, int(index)]:
            return f"{parts[:-1]} {index + 1} "
    return ""


def _model(path: _Path, content: dict[str, Any]) -> type[BaseModel]:
    """Return the settings model of the table at a path."""
    match path:
        case ("show",):
            return ShowSettings
        case ("palettes", _):
            return Palette
        case ("palettes", *_):
            return Anchor
        case ("types", _):
            return FixtureType
        case ("outputs", _):
            return _OUTPUTS[_value(content, (*path, "protocol"))]
        case ("outputs", *_):
            return OscMessage
        case ("fixtures", _):
            return Fixture
    return Show


def _value(content: Any, path: _Path) -> Any:
    for step in path:
        try:
            content = content[step]
        except (KeyError, IndexError, TypeError):
            return None
    return content
