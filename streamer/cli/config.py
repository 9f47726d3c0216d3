"""`streamer config`."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from streamer.config import Config, LoadedConfig, default_text, load_with_origins
from streamer.config.files import search_paths
from streamer.errors import ConfigError, UsageError
from streamer.helpers import escape_unprintable

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_WIDEST = 32  # cells; a longer value moves its origin to the right


def config(
    file: Annotated[
        Path | None,
        typer.Option("--config", "-c", metavar="FILE", help="Configuration file to use."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
    check: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Say whether this file is valid; look at nothing else."),
    ] = None,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of config.toml, for editors.")
    ] = False,
    default: Annotated[
        bool, typer.Option("--default", help="Print the default file, which explains every key.")
    ] = False,
) -> None:
    """Show every setting, its value and what set it: a file, a variable, or nothing (default).

    Begin a file of your own with `streamer config --default > config.toml`.

    Editors with Taplo (Even Better TOML) complete and check it: save the output of
    `streamer config --schema` as `config.schema.json`, and let the first line of config.toml be
    `#:schema config.schema.json`.

    Passwords are not shown, and of a URL neither user nor query.
    """
    asked = {"--json": as_json, "--check": check, "--schema": schema, "--default": default}
    _refuse_two([name for name, value in asked.items() if value], configured=file is not None)
    if check is not None:
        _check(load_with_origins({}, config_path=check, environ={}).config, check)
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


def _refuse_two(asked: Sequence[str], *, configured: bool) -> None:
    if len(asked) > 1:
        raise UsageError(f"{asked[0]} and {asked[1]} exclude each other; give one of them")
    if configured and asked and asked[0] != "--json":
        raise UsageError(f"--config has no meaning with {asked[0]}; leave it out")


def _check(settings: Config, file: Path) -> None:
    """Refuse addresses that `run` would refuse; other keys may be completed by the environment."""
    # Seconds to import, so not before help is answered.
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
    found = {**Config.model_json_schema(), "title": "Configuration of streamer"}
    return {"$schema": _DIALECT, **found}


def _as_dict(loaded: LoadedConfig) -> dict[str, object]:
    settings = {
        key: {"value": _public(key, value), "origin": origin}
        for key, value, origin in loaded.settings()
    }
    return {"file": None if loaded.file is None else str(loaded.file), "settings": settings}


def _print(console: Console, loaded: LoadedConfig) -> None:
    if loaded.file is None:
        looked = ", ".join(str(place.absolute()) for place in search_paths(os.environ))
        said = f"No configuration file; looked for {looked}"
    else:
        said = f"Configuration file: {loaded.file.absolute()}"
    console.print(Text(escape_unprintable(said)), end="\n\n")

    rows = [
        (key, _written(_public(key, value)), escape_unprintable(origin))
        for key, value, origin in loaded.settings()
    ]
    keys = max(cell_len(key) for key, _, _ in rows)
    values = min(_WIDEST, max(cell_len(value) for _, value, _ in rows))
    console.print(Text(f"{'key':<{keys}}  {'value':<{values}}  origin", style="bold"))
    for key, value, origin in rows:
        gap = " " * max(0, values - cell_len(value))
        style = "" if origin == "default" else "bold cyan"
        console.print(Text(f"{key:<{keys}}  {value}{gap}  {origin}", style=style))


def _written(value: object) -> str:
    """Return a value as it is written in the file, on one line."""
    return "not set" if value is None else escape_unprintable(json.dumps(value, ensure_ascii=False))


def _public(key: str, value: object) -> object:
    """Return a value without what may be a password in a URL; pydantic hides the others."""
    if not isinstance(value, str):
        return value
    if "://" in value:
        from streamer.decoder.urls import redact_url  # imports all of the sound

        value = redact_url(value)
    return value.rpartition("@")[2] if key == "mqtt.broker" else value
