"""The reference of the configuration: every key, its variable and its option."""

import inspect
import json
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from docs.reference.command_line import options_of
from docs.reference.markdown import code, prose, table
from streamer.app.reload import RELOADABLE_KEYS
from streamer.config import OPTIONS, Config, default_text, load, schema
from streamer.config.environment import variable_name
from streamer.config.layer import flatten, table_heading

PAGE = "reference/configuration.md"
_BEGIN = """\
Every key that a configuration file may hold. Options of the command line win over environment
variables, those over the file, the file over the defaults. `streamer config` shows what is in
effect, and what set it.

The default file with its comments: [config.toml](config.toml){ download="config.toml" }, or
`streamer config --default > config.toml`. For editors:
[JSON Schema](config.schema.json){ download="config.schema.json" }."""
_RELOAD = """\
↻ marks what a running program takes over when it reads its configuration again: on SIGHUP, or on
the command [`reload`](mqtt.md#commands). Everything else waits for the next start; calibrations and
the show file are always read again."""
_HEAD = ("key", "value", "default", "what it does; its variable and option")


def written() -> dict[str, str]:
    """Return the page, the default file, and the JSON Schema for editors."""
    return {
        PAGE: _page(),
        "reference/config.toml": default_text(),
        "reference/config.schema.json": json.dumps(Config.model_json_schema(), indent=2) + "\n",
    }


def _page() -> str:
    _, environment, paths = (inspect.getdoc(inspect.getmodule(load)) or "").split("\n\n")
    parts = [
        "# Configuration",
        _BEGIN,
        prose(environment),
        prose(paths),
        _RELOAD,
    ]
    defaults = {_named(path): value for path, value in flatten(Config().model_dump(mode="json"))}
    options = dict(_options())
    for place, keys in groupby(schema.iter_keys(), key=lambda path: path[:-1]):
        title = table_heading(place, {"zones": [{}]}).strip()
        rows = [_row(path, defaults.get(_named(path)), options) for path in keys]
        parts += [
            f"## `{title}` {{#{_anchor(place)}}}",
            prose(_described(place)),
            table(_HEAD, rows, kind="keys"),
        ]
    return "\n\n".join(parts) + "\n"


def _options() -> Iterator[tuple[schema.Path, str]]:
    """Yield the key that each option of `streamer run` sets, and the option."""
    there = options_of("run")
    for name, path in OPTIONS.items():
        if f"--{name}" in there:
            yield path, f"--{name}"


def _row(path: schema.Path, default: Any, options: dict[schema.Path, str]) -> tuple[str, ...]:
    node = schema.find_node(path) or {}
    name = code(path[-1]) + (" ↻" if _named(path) in RELOADABLE_KEYS else "")
    written = "not set" if default is None else code(json.dumps(default, ensure_ascii=False))
    option = f", {code(options[path])}" if path in options else ""
    told = f"{_told(path)}<br>{code(variable_name(path))}{option}"
    return name, prose(schema.describe_allowed(node)), written, told


def _told(path: schema.Path) -> str:
    """Return the description of a key, which its model holds, references followed or not."""
    table_node = schema.find_node(path[:-1]) or {}
    return prose(str(table_node["properties"][path[-1]].get("description", "")))


def _described(place: schema.Path) -> str:
    """Return what the model of a table says of itself."""
    return str((schema.find_node(place) or {}).get("description", ""))


def _named(path: schema.Path) -> str:
    return ".".join(map(str, path))


def _anchor(place: schema.Path) -> str:
    return "-".join(str(step).replace("_", "-") for step in place if isinstance(step, str))
