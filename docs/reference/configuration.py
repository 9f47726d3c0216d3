"""Generate the configuration reference: every key with its variable and option."""

import inspect
import json
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from docs.reference.command_line import options_of
from docs.reference.markdown import code, prose, table
from streamer.app.reloadable import RELOADABLE_KEYS
from streamer.config import OPTIONS, Config, default_text, load, schema
from streamer.config.environment import variable_name
from streamer.config.layer import flatten, table_heading

PAGE = "reference/configuration.md"
_BEGIN = """\
Every key of the configuration file. Command-line options take precedence over environment
variables, these over the file, and the file over the defaults. `streamer config` shows the
effective values and their sources.

The default file with its comments: [config.toml](config.toml){ download="config.toml" }, or
`streamer config --default > config.toml`. For editors:
[JSON Schema](config.schema.json){ download="config.schema.json" }."""
_RELOAD = """\
↻ marks keys that take effect when a running program reloads its configuration: on SIGHUP, or on
the command [`reload`](mqtt.md#commands). All other keys take effect at the next start.
Calibrations and the show file are always reloaded."""
_HEAD = ("key", "value", "default", "description, environment variable, option")


def generate_files() -> dict[str, str]:
    """Return the page, the default configuration file, and its JSON Schema for editors."""
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
    defaults = {_dotted(path): value for path, value in flatten(Config().model_dump(mode="json"))}
    options = dict(_options())
    for place, keys in groupby(schema.iter_keys(), key=lambda path: path[:-1]):
        title = table_heading(place, {"zones": [{}]}).strip()
        rows = [_row(path, defaults.get(_dotted(path)), options) for path in keys]
        parts += [
            f"## `{title}` {{#{_anchor(place)}}}",
            prose(_table_description(place)),
            table(_HEAD, rows, kind="keys"),
        ]
    return "\n\n".join(parts) + "\n"


def _options() -> Iterator[tuple[schema.Path, str]]:
    """Yield each option of `streamer run` with the key that it sets."""
    there = options_of("run")
    for name, path in OPTIONS.items():
        if f"--{name}" in there:
            yield path, f"--{name}"


def _row(path: schema.Path, default: Any, options: dict[schema.Path, str]) -> tuple[str, ...]:
    node = schema.find_node(path) or {}
    name = code(path[-1]) + (" ↻" if _dotted(path) in RELOADABLE_KEYS else "")
    written = "not set" if default is None else code(json.dumps(default, ensure_ascii=False))
    option = f", {code(options[path])}" if path in options else ""
    text = f"{_key_description(path)}<br>{code(variable_name(path))}{option}"
    return name, prose(schema.describe_allowed(node)), written, text


def _key_description(path: schema.Path) -> str:
    """Return the description of a key from its settings model."""
    table_node = schema.find_node(path[:-1]) or {}
    return prose(str(table_node["properties"][path[-1]].get("description", "")))


def _table_description(place: schema.Path) -> str:
    """Return the description of a table from its settings model."""
    return str((schema.find_node(place) or {}).get("description", ""))


def _dotted(path: schema.Path) -> str:
    return ".".join(map(str, path))


def _anchor(place: schema.Path) -> str:
    return "-".join(str(step).replace("_", "-") for step in place if isinstance(step, str))
