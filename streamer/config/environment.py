"""The environment as configuration: `STREAMER_TRACKING__RATE`, `STREAMER_ZONES__0__INPUT`."""

import re
from collections.abc import Mapping

from streamer.config import schema
from streamer.config.layer import Override
from streamer.errors import ConfigError
from streamer.helpers import truncate

PREFIX = "STREAMER_"
FILE_VARIABLE = "STREAMER_CONFIG"
"""Names the configuration file where no option does."""

# Kubernetes tells every container of a service called "streamer..." where that service listens.
_SERVICE_LINK = re.compile(r"_SERVICE_(HOST|PORT(_\w+)?)$|_PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?$")


def read_environment(environ: Mapping[str, str]) -> list[Override]:
    """Return the values that the environment sets.

    Raises
    ------
    ConfigError
        A variable has the prefix and names no key.
    """
    found = []
    for name, text in sorted(environ.items()):
        if not name.startswith(PREFIX) or name == FILE_VARIABLE or not text:
            continue
        path = _path(name)
        node = schema.find_node(path)
        if node is not None and schema.is_leaf(node) and isinstance(path[-1], str):
            found.append(Override(path, text, name))
        elif not _is_service_link(name, text):
            raise ConfigError(f"{truncate(name)}: {_advice(path, known=node is not None)}")
    return found


def _is_service_link(name: str, text: str) -> bool:
    if name.endswith("_PORT") and not name.endswith("_SERVICE_PORT"):
        return "://" in text
    return _SERVICE_LINK.search(name) is not None


def variable_name(path: schema.Path) -> str:
    """Return the name of the variable that sets the key at `path`."""
    return PREFIX + "__".join(str(step).upper() for step in path)


def _path(name: str) -> schema.Path:
    steps = name.removeprefix(PREFIX).lower().split("__")
    return tuple(int(step) if re.fullmatch("[0-9]{1,3}", step) else step for step in steps)


def _advice(path: schema.Path, *, known: bool) -> str:
    keys = list(schema.iter_keys())
    if known:
        below = next((key for key in keys if key[: len(path)] == path), path[:-1])
        return f"it cannot be set as a whole; the name of a key is {variable_name(below)}"
    by_text = {"__".join(map(str, key)): key for key in keys}
    by_text |= {str(key[-1]): key for key in keys}
    near = schema.closest_match("__".join(map(str, path)), list(by_text))
    advice = f"did you mean {variable_name(by_text[near])}?" if near else "see `streamer config`"
    return f"there is no such setting; {advice}"
