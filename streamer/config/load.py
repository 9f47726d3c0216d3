"""Load the configuration: options override environment, environment the file, the file defaults.

The environment names a key by its tables and its name, in capitals, with two underscores between
them: `STREAMER_MQTT__BROKER`, `STREAMER_ZONES__0__INPUT` (zones are counted from 0; the number
after the last adds a zone). A list is written with commas, `STREAMER_ZONES__0__CHANNELS=3,4`.
`STREAMER_CONFIG` names the file where `--config` does not. An empty variable counts as unset.

Relative paths (`engine.model`, `zones.input`) start at the folder of the file that holds them, and
at the working directory where they come from the environment or an option.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from streamer.config import schema
from streamer.config.environment import FILE_VARIABLE, read_environment
from streamer.config.files import find_and_read, resolve_relative_paths
from streamer.config.layer import Override, apply_overrides, flatten, validate
from streamer.config.models import Config
from streamer.errors import UsageError

OPTIONS: Mapping[str, schema.Path] = {
    "input": ("zones", 0, "input"),
    "device": ("zones", 0, "device"),
    "channels": ("zones", 0, "channels"),
    "zone": ("zones", 0, "id"),
    "loop": ("zones", 0, "loop"),
    "raw-format": ("zones", 0, "raw", "format"),
    "raw-rate": ("zones", 0, "raw", "rate"),
    "raw-channels": ("zones", 0, "raw", "channels"),
    "rate": ("tracking", "rate"),
    "on-silence": ("tracking", "on_silence"),
    "smoother": ("tracking", "smoother"),
    "backend": ("engine", "backend"),
    "model": ("engine", "model"),
    "require": ("engine", "require"),
    "remote": ("engine", "remote", "url"),
    "broker": ("mqtt", "broker"),
    "node": ("mqtt", "node"),
    "base-topic": ("mqtt", "base_topic"),
    "protocol": ("mqtt", "protocol"),
    "lights": ("lights", "show"),
    "record": ("record", "folder"),
    "record-audio": ("record", "audio"),
    "metrics": ("metrics", "listen"),
    "dashboard": ("dashboard", "serve"),
    "dashboard-listen": ("dashboard", "listen"),
    "wait": ("service", "wait"),
    "log": ("log", "format"),
    "log-level": ("log", "level"),
}
"""Command-line options without their dashes, and the key that each sets."""


@dataclass(frozen=True)
class LoadedConfig:
    """A configuration and the origin of each value.

    Attributes
    ----------
    config
        The effective configuration.
    file
        The file that was read, if any.
    origins
        Option, variable or file that set a key ("zones.0.input"). Keys with their defaults are
        left out.
    """

    config: Config
    file: Path | None
    origins: Mapping[str, str]

    def settings(self) -> Iterator[tuple[str, object, str]]:
        """Yield key, effective value and origin of every setting; the origin may be "default"."""
        for path, value in flatten(self.config.model_dump(mode="json")):
            key = _dotted(path)
            yield key, value, self.origins.get(key, "default")


def load(
    options: Mapping[str, object], *, config_path: Path | None, environ: Mapping[str, str]
) -> Config:
    """Load and validate the effective configuration.

    Parameters
    ----------
    options
        Values by the names of `OPTIONS`, with hyphens or underscores; None means not given. Those
        of a zone require a configuration with one zone.
    config_path
        The file to read. None: the first of `files.search_paths`.
    environ
        Environment variables, such as `os.environ`.

    Raises
    ------
    ConfigError
        A file cannot be read, a key is unknown, or a value of the wrong type or out of range.
    UsageError
        An option sets a key of a zone, but the configuration has several zones.
    """
    return load_with_origins(options, config_path=config_path, environ=environ).config


def load_with_origins(
    options: Mapping[str, object], *, config_path: Path | None, environ: Mapping[str, str]
) -> LoadedConfig:
    """Load the configuration as `load` does, with the origin of each value."""
    if config_path is None and environ.get(FILE_VARIABLE):
        config_path = Path(environ[FILE_VARIABLE])
    file, content = find_and_read(config_path, environ)
    validate(content, [], file)
    origins = {_dotted(path): str(file) for path, _ in flatten(content)}
    if file is not None:
        content = resolve_relative_paths(content, file.parent)

    variables = read_environment(environ)
    content = apply_overrides(content, variables)
    config = validate(content, variables, file)

    chosen = _option_overrides(options)
    _check_zone_options(chosen, config, file)
    config = validate(apply_overrides(content, chosen), chosen, file)

    origins |= {_dotted(item.path): item.source for item in (*variables, *chosen)}
    return LoadedConfig(config, file, origins)


def _option_overrides(options: Mapping[str, object]) -> list[Override]:
    names = {name.replace("_", "-"): value for name, value in options.items()}
    return [
        Override(OPTIONS[name], value, f"--{name}")
        for name, value in names.items()
        if value is not None
    ]


def _check_zone_options(chosen: list[Override], config: Config, file: Path | None) -> None:
    zone_options = [item.source for item in chosen if item.path[0] == "zones"]
    if zone_options and len(config.zones) > 1:
        names = ", ".join(zone.id for zone in config.zones)
        raise UsageError(
            f"{zone_options[0]} is for one zone, but {file or 'the environment'} has "
            f"{len(config.zones)} ({names}); edit them there, or use a file with one zone"
        )


def _dotted(path: schema.Path) -> str:
    return ".".join(map(str, path))
