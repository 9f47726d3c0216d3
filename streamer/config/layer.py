"""Values laid over a configuration file, and what is said of a value that cannot be.

Nothing here changes what it is given: each step answers with a copy.
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

_LOOKED_AT = 1000  # characters


@dataclass(frozen=True)
class Override:
    """One value from an option or a variable.

    Attributes
    ----------
    path
        The key it sets: ("zones", 0, "input").
    value
        The value as it was given.
    source
        The name of the option or the variable.
    """

    path: schema.Path
    value: object
    source: str


def flatten(content: Any, path: schema.Path = ()) -> Iterator[tuple[schema.Path, Any]]:
    """Yield each plain value with its path; a list is a plain value unless it holds tables."""
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


def apply_overrides(content: Mapping[str, Any], given: Sequence[Override]) -> dict[str, Any]:
    """Return `content` with the given values set; the zone after the last one is added.

    `content` has been validated, so tables are tables.
    """
    result: dict[str, Any] = deepcopy(dict(content))
    for item in sorted(given, key=lambda item: item.path):
        node: Any = result
        for step, following in zip(item.path[:-1], item.path[1:], strict=True):
            if isinstance(step, str):
                node = node.setdefault(step, [{}] if isinstance(following, int) else {})
                continue
            if step > len(node):
                raise ConfigError(
                    f"{item.source}: zone {step} does not follow the last, which is zone "
                    f"{len(node) - 1} (zones are counted from 0)"
                )
            if step == len(node):
                node.append({})
            node = node[step]
        node[item.path[-1]] = _split(item)
    return result


def validate(content: Mapping[str, Any], given: Sequence[Override], file: Path | None) -> Config:
    """Return the configuration in `content`, or say in one line what is wrong with it.

    Parameters
    ----------
    content
        Tables and values.
    given
        What was laid over a valid configuration last, so that it is to blame. None: the file is.
    file
        The configuration file.

    Raises
    ------
    ConfigError
        A value is unknown, ill-typed or out of range; the message speaks of the first.
    """
    try:
        return Config.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
    path = first["loc"]
    if first["type"] == "extra_forbidden":
        raise ConfigError(f"{display_path(file)}: {_unknown(path, content)}")
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
        raise ConfigError(reason if given else f"{display_path(file)}: {reason}")
    blamed = [item for item in given if item.path[: len(path)] == path]
    secret = _may_hold_secret(path)
    if len(blamed) == 1:
        value = "the value" if secret else display_value(blamed[0].value)
        raise ConfigError(f"{blamed[0].source}: {value} is not possible: {reason}")
    if blamed:
        raise ConfigError(f"{', '.join(item.source for item in blamed)}: {reason}")
    table = table_heading(path[:-1], content)
    if isinstance(path[-1], int):
        raise ConfigError(f"{display_path(file)}: {table_heading(path, content).strip()}: {reason}")
    value = "" if secret else f" = {display_value(_value(content, path))}"
    raise ConfigError(f"{display_path(file)}: {table}{path[-1]}{value} is not possible: {reason}")


def table_heading(path: schema.Path, content: Mapping[str, Any]) -> str:
    """Return the heading of a table as it stands in the file, with a space after it."""
    names = [step for step in path if isinstance(step, str)]
    if not names:
        return ""
    if path[0] != "zones" or len(path) < 2:
        return f"[{'.'.join(names)}] "
    title = f"[{'.'.join(names)}]" if len(names) > 1 else "[[zones]]"
    several = len(content["zones"]) > 1
    return f"{title} (zone {int(path[1]) + 1} in the file) " if several else f"{title} "


def display_value(value: object) -> str:
    """Return a value on one line, no longer than a line has room for.

    Of a URL only its scheme, and of a table nothing: the rest may hold a password.
    """
    if isinstance(value, dict) or (
        isinstance(value, list) and any(isinstance(each, dict | list) for each in value)
    ):
        return "(a table)"
    try:
        text = json.dumps(value, default=str, ensure_ascii=False)
    except ValueError:  # Python writes no whole number of more than 4300 digits
        text = "a number of thousands of digits"
    text = re.sub(r'://(?:[^"\\]|\\.)+', "://…", text)
    text = re.sub(r'[^\s":/@]*:[^\s":/@]*@', "…@", text[:_LOOKED_AT])  # takes its square
    return truncate(text, limits.MAX_ERROR_VALUE_CHARS)


def display_path(path: Path | None) -> str:
    """Return a path as it may be shown."""
    return escape_unprintable(str(path))


def _unknown(path: schema.Path, content: Mapping[str, Any]) -> str:
    name, table = str(path[-1]), path[:-1]
    node = schema.find_node(table) or {}
    known = list(node.get("properties", {}))
    where = f" in {table_heading(table, content).strip()}" if table else ""
    said = f"there is no key {display_value(name)}{where}"
    if near := schema.closest_match(name, known):
        return f'{said}; did you mean "{near}"?'
    elsewhere = {str(key[-1]): key for key in schema.iter_keys()}
    if near := schema.closest_match(name, list(elsewhere)):
        home = table_heading(elsewhere[near][:-1], {"zones": [{}]}).strip()
        return f'{said}; did you mean "{near}" in {home}?'
    return f"{said}; it has {', '.join(known)}"


def _may_hold_secret(path: schema.Path) -> bool:
    """Whether the value at `path` is a password, or a table with a key for one."""
    start = tuple(0 if isinstance(step, int) else step for step in path)
    below = (
        schema.find_node(key) or {} for key in schema.iter_keys() if key[: len(start)] == start
    )
    return any(node.get("writeOnly") or node.get("format") == "password" for node in below)


def _value(content: Any, path: schema.Path) -> object:
    for step in path:
        content = content[step]
    return content


def _split(item: Override) -> object:
    """Cut the text of a list at its commas."""
    node = schema.find_node(item.path)
    if node is not None and schema.is_list(node) and isinstance(item.value, str):
        return [part.strip() for part in item.value.strip("[] ").split(",")]
    return item.value
