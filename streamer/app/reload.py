"""Which settings a running program takes over from a configuration that was read again."""

from dataclasses import dataclass
from typing import Any

from streamer.config import Config
from streamer.config.layer import flatten

SAFE = frozenset(
    {
        "tracking.rate",
        "tracking.smoother",
        "tracking.on_silence",
        "mqtt.health_interval",
        "log.level",
    }
)
"""Keys that take effect at once; all others at the next start."""


@dataclass(frozen=True)
class Reload:
    """What comes of a new configuration.

    Attributes
    ----------
    config
        The running one with the safe settings of the new one.
    taken
        Keys that changed and take effect.
    waiting
        Keys that changed and wait for the next start.
    """

    config: Config
    taken: tuple[str, ...]
    waiting: tuple[str, ...]


def merge(running: Config, new: Config) -> Reload:
    """Return what of `new` may take effect while `running` runs."""
    before, after = _settings(running), _settings(new)
    changed = sorted(
        key for key in before.keys() | after.keys() if before.get(key) != after.get(key)
    )
    taken = tuple(key for key in changed if key in SAFE)
    tables: dict[str, dict[str, Any]] = {}
    for key in taken:
        table, name = key.split(".")
        tables.setdefault(table, {})[name] = getattr(getattr(new, table), name)
    config = running.model_copy(
        update={
            table: getattr(running, table).model_copy(update=values)
            for table, values in tables.items()
        }
    )
    return Reload(config, taken, tuple(key for key in changed if key not in SAFE))


def _settings(config: Config) -> dict[str, object]:
    return {".".join(map(str, path)): value for path, value in flatten(config.model_dump())}
