"""`streamer config`: print the effective settings, the schema or the default file; check a file."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from streamer.cli.options import Json
from streamer.config import Config, LoadedConfig, default_text, load_with_origins
from streamer.config.files import search_paths
from streamer.errors import ConfigError, UsageError
from streamer.helpers import escape_unprintable

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_MAX_VALUE_WIDTH = 32  # cells; a longer value moves its origin to the right


def config(
    file: Annotated[
        Path | None,
        typer.Option("--config", "-c", metavar="FILE", help="Configuration file to use."),
    ] = None,
    as_json: Json = False,
    check: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Validate this file alone, without environment variables."
        ),
    ] = None,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of config.toml, for editors.")
    ] = False,
    default: Annotated[
        bool, typer.Option("--default", help="Print the default file with a comment for each key.")
    ] = False,
) -> None:
    """Print every setting, its value and its origin: a file, an environment variable, or default.

    Create a file of your own with `streamer config --default > config.toml`.

    For completion and checks in editors with Taplo (Even Better TOML), save the output of
    `streamer config --schema` as `config.schema.json`, and start config.toml with the line
    `#:schema config.schema.json`.

    Passwords are never printed, nor the user and query of a URL.
    """
    modes = {"--json": as_json, "--check": check, "--schema": schema, "--default": default}
    _check_exclusive([name for name, value in modes.items() if value], file_given=file is not None)
    if check is not None:
        _check_addresses(load_with_origins({}, config_path=check, environ={}).config, check)
        typer.echo(f"{escape_unprintable(str(check))} is valid")
    elif schema:
        typer.echo(json.dumps(_schema(), indent=2))
    elif default:
        typer.echo(default_text(), nl=False)
    else:
        loaded = load_with_origins({}, config_path=file, environ=os.environ)
        if as_json:
            typer.echo(json.dumps(_as_dict(loaded), indent=2))
        else:
            _print(Console(highlight=False, soft_wrap=True), loaded)


def _check_exclusive(modes: Sequence[str], *, file_given: bool) -> None:
    if len(modes) > 1:
        raise UsageError(f"{modes[0]} and {modes[1]} exclude each other; give one of them")
    if file_given and modes and modes[0] != "--json":
        raise UsageError(f"--config has no effect with {modes[0]}; leave it out")


def _check_addresses(settings: Config, file: Path) -> None:
    """Raise for addresses that `run` would refuse; other keys may come from the environment."""
    # These take seconds to import, so not for --help.
    from streamer.decoder.urls import check_url, is_url
    from streamer.mqtt.broker_address import explicit_broker_address

    try:
        explicit_broker_address(settings.mqtt)
        for zone in settings.zones:
            if is_url(zone.input):
                check_url(zone.input)
    except UsageError as error:
        raise ConfigError(f"{escape_unprintable(str(file))}: {error}") from None


def _schema() -> dict[str, object]:
    schema = {**Config.model_json_schema(), "title": "Configuration of streamer"}
    return {"$schema": _DIALECT, **schema}


def _as_dict(loaded: LoadedConfig) -> dict[str, object]:
    settings = {
        key: {"value": _without_secrets(key, value), "origin": origin}
        for key, value, origin in loaded.settings()
    }
    return {"file": None if loaded.file is None else str(loaded.file), "settings": settings}


def _print(console: Console, loaded: LoadedConfig) -> None:
    if loaded.file is None:
        searched = ", ".join(str(path.absolute()) for path in search_paths(os.environ))
        title = f"No configuration file; looked for {searched}"
    else:
        title = f"Configuration file: {loaded.file.absolute()}"
    console.print(Text(escape_unprintable(title)), end="\n\n")

    rows = [
        (key, _as_toml(_without_secrets(key, value)), escape_unprintable(origin))
        for key, value, origin in loaded.settings()
    ]
    keys = max(cell_len(key) for key, _, _ in rows)
    values = min(_MAX_VALUE_WIDTH, max(cell_len(value) for _, value, _ in rows))
    console.print(Text(f"{'key':<{keys}}  {'value':<{values}}  origin", style="bold"))
    for key, value, origin in rows:
        gap = " " * max(0, values - cell_len(value))
        style = "" if origin == "default" else "bold cyan"
        console.print(Text(f"{key:<{keys}}  {value}{gap}  {origin}", style=style))


def _as_toml(value: object) -> str:
    """Return a value as it is written in the file, on one line."""
    if value is None:
        return "not set"
    return escape_unprintable(json.dumps(value, ensure_ascii=False))


def _without_secrets(key: str, value: object) -> object:
    """Remove user, password and query from a URL; pydantic masks the other secrets."""
    if not isinstance(value, str):
        return value
    if "://" in value:
        from streamer.decoder.urls import redact_url

        value = redact_url(value)
    return value.rpartition("@")[2] if key == "mqtt.broker" else value
