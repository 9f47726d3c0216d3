"""Reading show files, and one clear line for each mistake in them."""

import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from streamer import limits
from streamer.config import schema
from streamer.config.files import parse_toml
from streamer.config.layer import display_value
from streamer.errors import ConfigError
from streamer.helpers import escape_unprintable, truncate
from streamer.outputs.lights import dmx_patch as patch
from streamer.outputs.lights.show import (
    Anchor,
    ArtnetOutput,
    Fixture,
    FixtureType,
    OscMessage,
    OscOutput,
    Palette,
    SacnOutput,
    Settings,
    Show,
)

_OUTPUTS: Mapping[object, type[BaseModel]] = {
    "sacn": SacnOutput,
    "artnet": ArtnetOutput,
    "osc": OscOutput,
}

_Path = tuple[str | int, ...]


def load_show(path: Path) -> Show:
    """Read a show file.

    Raises
    ------
    ConfigError
        It cannot be read, is no TOML, or says what cannot be; the message is one line.
    """
    content = _read(path)
    try:
        return Show.model_validate(content)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        first = min(errors, key=lambda each: each["type"] == "missing")  # a misspelt key tells more
        said = _describe(first["loc"], first["type"], first["msg"], first.get("ctx", {}), content)
        raise ConfigError(f"{_named(path)}: {said}") from None


def example_text() -> str:
    """Return a show file with its comments, to begin one's own with."""
    return files("streamer.outputs.lights").joinpath("example.toml").read_text(encoding="utf-8")


def _named(path: Path) -> str:
    return escape_unprintable(str(path))


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            raw = file.read(limits.MAX_SHOW_BYTES + 1)
        if len(raw) > limits.MAX_SHOW_BYTES:
            raise ConfigError(
                f"{_named(path)}: no show file is larger than {limits.MAX_SHOW_BYTES} bytes"
            )
        return parse_toml(raw.decode("utf-8-sig"))
    except FileNotFoundError:
        raise ConfigError(
            f"{_named(path)}: there is no such show file; begin one with "
            "`streamer lights --example > show.toml`"
        ) from None
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise ConfigError(f"{_named(path)}: the show file cannot be read ({why})") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{_named(path)}: this is not UTF-8; save the file as UTF-8") from None
    except RecursionError:
        raise ConfigError(f"{_named(path)}: not valid TOML: nested too deeply") from None
    except ValueError as error:
        raise ConfigError(f"{_named(path)}: not valid TOML: {truncate(str(error))}") from None


def _describe(
    path: _Path, kind: str, said: str, context: Mapping[str, Any], content: dict[str, Any]
) -> str:
    """Say in one line what is wrong at a path, by pydantic's kind of error."""
    if path[:1] == ("outputs",) and path[2:3] and path[2] in _OUTPUTS:
        path = (*path[:2], *path[3:])  # without pydantic's mark of the protocol
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
        return f"{_heading(path[:-1], content)}{patch.unknown('key', str(path[-1]), known)}"
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
        reason = re.sub(r"^Input should (be|have)", r"it must \1", said.partition(", unable to")[0])
        reason = re.sub(r"a valid tuple|a valid list", "a list", reason)
        reason = re.sub(r"a valid dictionary.*", "a table", reason)
    return _blame(path, reason, content)


def _blame(path: _Path, reason: str, content: dict[str, Any]) -> str:
    value = _value(content, path)
    if value is not None and isinstance(value, str):
        near = schema.closest_match(value, re.findall(r"'([^']+)'", reason))
        reason += f'; did you mean "{near}"?' if near else ""
    named = list(path)
    if named and isinstance(named[-1], int) and not isinstance(value, dict):
        named.pop()  # one of a list of values: what it is in stands for it
    if not named or isinstance(named[-1], int) or isinstance(value, dict):
        table = _heading(tuple(named), content).strip()
        return f"{table}: {reason}" if table else reason
    return f"{_heading(tuple(named[:-1]), content)}{named[-1]} = {display_value(value)}: {reason}"


def _heading(path: _Path, content: dict[str, Any]) -> str:
    """Return the heading of the table at a path, and which one it is, with a space after it."""
    match path:
        case ("outputs" | "fixtures" as table, int(index), *rest):
            name = _value(content, (table, index, "name"))
            return f"{patch.heading(table, index, name)} {_part(rest)}"
        case ("palettes" | "types" as table, str(name), *rest):
            called = name if re.fullmatch(r"[\w-]+", name) else display_value(name)
            return f"[{table}.{called}] {_part(rest)}"
        case (str(table), *_):
            return f"[{escape_unprintable(table)}] "
    return ""


def _part(path: list[str | int]) -> str:
    """Return which message or anchor is meant, with a space after it."""
    match path:
        case ["messages" | "anchors" as parts, int(index)]:
            return f"{parts[:-1]} {index + 1} "
    return ""


def _model(path: _Path, content: dict[str, Any]) -> type[BaseModel]:
    """Return the model of the table at a path."""
    match path:
        case ("show",):
            return Settings
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
