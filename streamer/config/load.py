"""Loading: options over environment over file over defaults, and one clear line for each mistake.

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
"""Options of the command line, without their dashes, and the key that each sets."""


@dataclass(frozen=True)
class LoadedConfig:
    """A configuration and where it came from.

    Attributes
    ----------
    config
        The effective configuration.
    file
        The file that was read, if there was one.
    origins
        What set a key ("zones.0.input"): the option, the variable or the file. Keys that nothing
        set, and so have their defaults, are left out.
    """

    config: Config
    file: Path | None
    origins: Mapping[str, str]

    def settings(self) -> Iterator[tuple[str, object, str]]:
        """Yield each key, its effective value and its origin, "default" where nothing set it."""
        for path, value in flatten(self.config.model_dump(mode="json")):
            key = _dotted(path)
            yield key, value, self.origins.get(key, "default")


def load(
    options: Mapping[str, object], *, config_path: Path | None, environ: Mapping[str, str]
) -> Config:
    """Return the effective configuration.

    Parameters
    ----------
    options
        By the names of `OPTIONS`, hyphens or underscores; None stands for "not given". Those of a
        zone are for a configuration with one zone.
    config_path
        The file to read; None looks it up.
    environ
        The environment, such as `os.environ`.

    Raises
    ------
    ConfigError
        A file cannot be read or a key is unknown, ill-typed or out of range.
    UsageError
        Options speak of one zone and the configuration has several.
    """
    return load_with_origins(options, config_path=config_path, environ=environ).config


def load_with_origins(
    options: Mapping[str, object], *, config_path: Path | None, environ: Mapping[str, str]
) -> LoadedConfig:
    """Do what `load` does, and tell where each value came from."""
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

    chosen = _given_by_options(options)
    _refuse_options_for_several_zones(chosen, config, file)
    config = validate(apply_overrides(content, chosen), chosen, file)

    origins |= {_dotted(item.path): item.source for item in (*variables, *chosen)}
    return LoadedConfig(config, file, origins)


def _given_by_options(options: Mapping[str, object]) -> list[Override]:
    names = {name.replace("_", "-"): value for name, value in options.items()}
    return [
        Override(OPTIONS[name], value, f"--{name}")
        for name, value in names.items()
        if value is not None
    ]


def _refuse_options_for_several_zones(
    chosen: list[Override], config: Config, file: Path | None
) -> None:
    of_a_zone = [item.source for item in chosen if item.path[0] == "zones"]
    if of_a_zone and len(config.zones) > 1:
        names = ", ".join(zone.id for zone in config.zones)
        raise UsageError(
            f"{of_a_zone[0]} is for one zone, but {file or 'the environment'} has "
            f"{len(config.zones)} ({names}); edit them there, or use a file with one zone"
        )


def _dotted(path: schema.Path) -> str:
    return ".".join(map(str, path))
