"""Look up keys and their allowed values in the JSON Schema of the configuration models."""

import difflib
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from streamer.config.models import Config

Path = tuple[str | int, ...]
"""Path of a value: ("zones", 0, "raw", "rate")."""

_KINDS = {
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "string": "text",
}


@cache
def _schema() -> dict[str, Any]:
    return Config.model_json_schema()


def _resolve(node: dict[str, Any]) -> dict[str, Any]:
    """Follow references, and the non-null alternative of an optional key."""
    if "$ref" in node:
        return _resolve(_schema()["$defs"][node["$ref"].rpartition("/")[2]])
    for choice in node.get("anyOf", ()):
        if choice.get("type") != "null":
            return _resolve(choice)
    return node


def find_node(path: Sequence[str | int]) -> dict[str, Any] | None:
    """Return the JSON Schema of the value at `path`; None if there is no such key."""
    node = _schema()
    for step in path:
        if isinstance(step, int) and node.get("type") == "array":
            node = _resolve(node["items"])
        elif isinstance(step, str) and step in node.get("properties", {}):
            node = _resolve(node["properties"][step])
        else:
            return None
    return node


def is_list(node: dict[str, Any]) -> bool:
    """Whether a value is a list of plain values, such as channels."""
    return node.get("type") == "array" and "properties" not in _resolve(node["items"])


def is_leaf(node: dict[str, Any]) -> bool:
    """Whether a value is neither a table nor a list of tables."""
    return "properties" not in node and (node.get("type") != "array" or is_list(node))


def iter_keys(table: Sequence[str | int] = ()) -> Iterator[Path]:
    """Yield the path of every key below `table`; in a list of tables, those of index 0."""
    node = find_node(table) or {}
    for name in node.get("properties", {}):
        path = (*table, name)
        below = find_node(path)
        if below is None:
            continue
        if is_leaf(below):
            yield path
        else:
            yield from iter_keys((*path, 0) if below.get("type") == "array" else path)


def closest_match(name: str, candidates: Sequence[str]) -> str | None:
    """Return the candidate most similar to `name`; None if none is similar."""
    found = difflib.get_close_matches(name.lower(), candidates, n=1, cutoff=0.65)
    return found[0] if found else None


def describe_allowed(node: dict[str, Any]) -> str:
    """Describe the allowed values: "a whole number from 1 to 600"."""
    if "enum" in node:
        return "one of " + ", ".join(f'"{choice}"' for choice in node["enum"])
    if "const" in node:
        return f'"{node["const"]}"'
    if "properties" in node:
        return "a table"
    if node.get("type") == "array":
        if is_list(node):
            return f"a list, each {describe_allowed(_resolve(node['items']))}"
        return "a list of tables, each headed [[zones]]"
    if "words" in node:
        return str(node["words"])
    if node.get("format") == "path":
        return "a path"
    words = _KINDS.get(node.get("type", ""), "another value")
    if "minimum" in node and "maximum" in node:
        return f"{words} from {node['minimum']:g} to {node['maximum']:g}"
    if node.get("minLength"):
        words += " that is not empty"
    if node.get("maxLength"):
        words += f", at most {node['maxLength']} characters"
    bounds = [
        f"{word} {node[name]:g}"
        for name, word in (
            ("exclusiveMinimum", "above"),
            ("minimum", "at least"),
            ("exclusiveMaximum", "below"),
            ("maximum", "at most"),
        )
        if name in node
    ]
    return ", ".join([f"{words} {bounds[0]}", *bounds[1:]]) if bounds else words
