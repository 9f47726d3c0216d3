"""Read settings from environment variables, such as `STREAMER_TRACKING__RATE`."""

import re
from collections.abc import Mapping

from streamer.config import schema
from streamer.config.layer import Override
from streamer.errors import ConfigError
from streamer.helpers import truncate

PREFIX = "STREAMER_"
FILE_VARIABLE = "STREAMER_CONFIG"
"""Variable with the path of the configuration file, unless `--config` is given."""

# Kubernetes sets such variables in every container for a service named "streamer...".
_SERVICE_LINK = re.compile(r"_SERVICE_(HOST|PORT(_\w+)?)$|_PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?$")


def read_environment(environ: Mapping[str, str]) -> list[Override]:
    """Return the settings in the environment; empty variables are ignored.

    Raises
    ------
    ConfigError
        A variable has the prefix but names no key.
    """
    overrides = []
    for name, text in sorted(environ.items()):
        if not name.startswith(PREFIX) or name == FILE_VARIABLE or not text:
            continue
        path = _path(name)
        node = schema.find_node(path)
        if node is not None and schema.is_leaf(node) and isinstance(path[-1], str):
            overrides.append(Override(path, text, name))
        elif not _is_service_link(name, text):
            raise ConfigError(f"{truncate(name)}: {_advice(path, known=node is not None)}")
    return overrides


def _is_service_link(name: str, text: str) -> bool:
    if name.endswith("_PORT") and not name.endswith("_SERVICE_PORT"):
        return "://" in text
    return _SERVICE_LINK.search(name) is not None


def variable_name(path: schema.Path) -> str:
    """Return the environment variable that sets the key at `path`."""
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
