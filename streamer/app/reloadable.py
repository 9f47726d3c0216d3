"""Settings that a running program can change, merged from a reloaded configuration."""

from dataclasses import dataclass
from typing import Any

from streamer.config import Config
from streamer.config.layer import flatten

RELOADABLE_KEYS = frozenset(
    {
        "tracking.rate",
        "tracking.smoother",
        "tracking.on_silence",
        "mqtt.health_interval",
        "log.level",
    }
)
"""Keys that take effect at once; all others take effect at the next start."""


@dataclass(frozen=True)
class ReloadResult:
    """Outcome of a reload.

    Attributes
    ----------
    config
        The running configuration with the reloadable settings of the new one.
    applied
        Changed keys that take effect now.
    pending
        Changed keys that take effect at the next start.
    """

    config: Config
    applied: tuple[str, ...]
    pending: tuple[str, ...]


def merge_reloadable(running: Config, new: Config) -> ReloadResult:
    """Apply the reloadable settings of `new` to `running`."""
    before, after = _flat_settings(running), _flat_settings(new)
    changed = sorted(
        key for key in before.keys() | after.keys() if before.get(key) != after.get(key)
    )
    applied = tuple(key for key in changed if key in RELOADABLE_KEYS)
    tables: dict[str, dict[str, Any]] = {}
    for key in applied:
        table, name = key.split(".")
        tables.setdefault(table, {})[name] = getattr(getattr(new, table), name)
    config = running.model_copy(
        update={
            table: getattr(running, table).model_copy(update=values)
            for table, values in tables.items()
        }
    )
    pending = tuple(key for key in changed if key not in RELOADABLE_KEYS)
    return ReloadResult(config, applied, pending)


def _flat_settings(config: Config) -> dict[str, object]:
    return {".".join(map(str, path)): value for path, value in flatten(config.model_dump())}
