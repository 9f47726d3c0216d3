"""Apply overrides to a configuration file's content, and report the first invalid value.

All functions return copies; none changes its arguments.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from streamer import limits
from streamer.config import schema
from streamer.config.models import Config
from streamer.errors import ConfigError
from streamer.helpers import escape_unprintable, truncate

_MAX_SCANNED_CHARS = 1000


@dataclass(frozen=True)
class Override:
    """A value from an option or an environment variable.

    Attributes
    ----------
    path
        Key that it sets: ("zones", 0, "input").
    value
        Value as given.
    source
        Name of the option or variable.
    """

    path: schema.Path
    value: object
    source: str


def flatten(content: Any, path: schema.Path = ()) -> Iterator[tuple[schema.Path, Any]]:
    """Yield the path and value of every leaf; a list is a leaf unless it holds tables."""
    if isinstance(content, dict):
        for name, value in content.items():
            yield from flatten(value, (*path, name))
    elif _is_list_of_tables(content):
        for index, value in enumerate(content):
            yield from flatten(value, (*path, index))
    else:
        yield path, content


def _is_list_of_tables(content: Any) -> bool:
    items = content if isinstance(content, list | tuple) else ()
    return bool(items) and all(isinstance(item, dict) for item in items)


def apply_overrides(content: Mapping[str, Any], overrides: Sequence[Override]) -> dict[str, Any]:
    """Return validated `content` with the overrides applied.

    A zone index one past the last adds a zone.
    """
    result: dict[str, Any] = deepcopy(dict(content))
    for override in sorted(overrides, key=lambda override: override.path):
        node: Any = result
        for step, following in zip(override.path[:-1], override.path[1:], strict=True):
            if isinstance(step, str):
                node = node.setdefault(step, [{}] if isinstance(following, int) else {})
                continue
            if step > len(node):
                raise ConfigError(
                    f"{override.source}: zone {step} does not follow the last, which is zone "
                    f"{len(node) - 1} (zones are counted from 0)"
                )
            if step == len(node):
                node.append({})
            node = node[step]
        node[override.path[-1]] = _split_list(override)
    return result


def validate(
    content: Mapping[str, Any], overrides: Sequence[Override], file: Path | None
) -> Config:
    """Return the configuration in `content`; report the first invalid value on one line.

    Parameters
    ----------
    content
        Tables and values.
    overrides
        Overrides applied last, to a valid configuration, so that errors are theirs. Empty: errors
        are the file's.
    file
        The configuration file, if any.

    Raises
    ------
    ConfigError
        A key is unknown, or a value of the wrong type or out of range.
    """
    try:
        return Config.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
    path = first["loc"]
    if first["type"] == "extra_forbidden":
        raise ConfigError(f"{display_path(file)}: {_unknown_key_message(path, content)}")
    node = schema.find_node(path)
    while path and (node is None or (isinstance(path[-1], int) and schema.is_leaf(node))):
        path = path[:-1]
        node = schema.find_node(path)
    if first["type"] == "value_error":
        reason = str(first["ctx"]["error"])
    elif first["type"] == "string_unicode":
        reason = "it must be text in UTF-8"
    else:
        reason = f"it must be {schema.describe_allowed(node or {})}"
    if not path:  # values of several tables that do not go together
        raise ConfigError(reason if overrides else f"{display_path(file)}: {reason}")
    culprits = [item for item in overrides if item.path[: len(path)] == path]
    secret = _may_hold_secret(path)
    if len(culprits) == 1:
        value = "the value" if secret else display_value(culprits[0].value)
        raise ConfigError(f"{culprits[0].source}: {value} is invalid: {reason}")
    if culprits:
        raise ConfigError(f"{', '.join(item.source for item in culprits)}: {reason}")
    table = table_heading(path[:-1], content)
    if isinstance(path[-1], int):
        raise ConfigError(f"{display_path(file)}: {table_heading(path, content).strip()}: {reason}")
    value = "" if secret else f" = {display_value(_value(content, path))}"
    raise ConfigError(f"{display_path(file)}: {table}{path[-1]}{value} is invalid: {reason}")


def table_heading(path: schema.Path, content: Mapping[str, Any]) -> str:
    """Return a table's heading as written in the file, followed by a space; "" at the root."""
    names = [step for step in path if isinstance(step, str)]
    if not names:
        return ""
    if path[0] != "zones" or len(path) < 2:
        return f"[{'.'.join(names)}] "
    title = f"[{'.'.join(names)}]" if len(names) > 1 else "[[zones]]"
    several = len(content["zones"]) > 1
    return f"{title} (zone {int(path[1]) + 1} in the file) " if several else f"{title} "


def display_value(value: object) -> str:
    """Return a value on one line, truncated.

    Tables are left out and URLs cut after their scheme: they may contain a password.
    """
    if isinstance(value, dict) or (
        isinstance(value, list) and any(isinstance(each, dict | list) for each in value)
    ):
        return "(a table)"
    try:
        text = json.dumps(value, default=str, ensure_ascii=False)
    except ValueError:  # Python formats no integer of more than 4300 digits
        text = "a number of thousands of digits"
    text = re.sub(r'://(?:[^"\\]|\\.)+', "://…", text)
    text = re.sub(r'[^\s":/@]*:[^\s":/@]*@', "…@", text[:_MAX_SCANNED_CHARS])  # quadratic
    return truncate(text, limits.MAX_ERROR_VALUE_CHARS)


def display_path(path: Path | None) -> str:
    """Return a path for display, on one line."""
    return escape_unprintable(str(path))


def _unknown_key_message(path: schema.Path, content: Mapping[str, Any]) -> str:
    name, table = str(path[-1]), path[:-1]
    node = schema.find_node(table) or {}
    known = list(node.get("properties", {}))
    where = f" in {table_heading(table, content).strip()}" if table else ""
    message = f"there is no key {display_value(name)}{where}"
    if near := schema.closest_match(name, known):
        return f'{message}; did you mean "{near}"?'
    elsewhere = {str(key[-1]): key for key in schema.iter_keys()}
    if near := schema.closest_match(name, list(elsewhere)):
        home = table_heading(elsewhere[near][:-1], {"zones": [{}]}).strip()
        return f'{message}; did you mean "{near}" in {home}?'
    return f"{message}; it has {', '.join(known)}"


def _may_hold_secret(path: schema.Path) -> bool:
    """Whether `path` is a secret or a table that contains one."""
    start = tuple(0 if isinstance(step, int) else step for step in path)
    below = (
        schema.find_node(key) or {} for key in schema.iter_keys() if key[: len(start)] == start
    )
    return any(node.get("writeOnly") or node.get("format") == "password" for node in below)


def _value(content: Any, path: schema.Path) -> object:
    for step in path:
        content = content[step]
    return content


def _split_list(override: Override) -> object:
    """Split the text of a list at its commas; return other values unchanged."""
    node = schema.find_node(override.path)
    if node is not None and schema.is_list(node) and isinstance(override.value, str):
        return [part.strip() for part in override.value.strip("[] ").split(",")]
    return override.value
