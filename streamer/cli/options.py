"""Command-line options that set a configuration key, declared once for all commands.

To add one: add the key to a model in `streamer.config`, the option's name to
`streamer.config.load.OPTIONS`, an annotation below, and an argument to the commands that have it.
Its help text and its default come from the key. An option without a key is declared in its command.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import typer
from pydantic.fields import FieldInfo

from streamer.config import OPTIONS, Config

_PANELS = {
    "zones": "Input",
    "tracking": "Estimation",
    "engine": "Estimation",
    "mqtt": "MQTT",
    "lights": "Outputs",
    "record": "Outputs",
    "metrics": "Outputs",
    "dashboard": "Outputs",
}


def _setting(
    name: str,
    *flags: str,
    metavar: str | None = None,
    text: str = "",
    default: str = "",
) -> Any:
    """Declare the option that sets a key; None means that it was not given.

    Parameters
    ----------
    name
        Name in `OPTIONS`.
    flags
        How it is written. Default: two dashes and the name.
    metavar
        Name of its value in the help text.
    text
        Help text in place of the key's description.
    default
        Default in place of the key's, in words.
    """
    path = OPTIONS[name]
    field = _field(path)
    if not default and field.default not in (None, "", ()) and not isinstance(field.default, bool):
        default = f"{field.default:g}" if isinstance(field.default, float) else str(field.default)
    text = text or field.description or ""
    return typer.Option(
        *(flags or (f"--{name}",)),
        metavar=metavar,
        help=f"{text}  [default: {default}]" if default else text,
        rich_help_panel=_PANELS.get(str(path[0])),
    )


def _field(path: Sequence[str | int]) -> FieldInfo:
    """Return the field of the configuration at `path`."""
    model: Any = Config
    for step in path[:-1]:
        is_key = isinstance(step, str)
        model = model.model_fields[step].annotation if is_key else get_args(model)[0]
    found: FieldInfo = model.model_fields[path[-1]]
    return found


def given_settings(arguments: Mapping[str, object]) -> dict[str, object]:
    """Return those of a command's arguments that set a configuration key, as `load` takes them."""
    return {name: value for name, value in arguments.items() if name.replace("_", "-") in OPTIONS}


ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="Configuration file to use.  [default: the first that exists of ./config.toml, "
        "~/.config/streamer/config.toml, /etc/streamer/config.toml]",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

# Input

Input = Annotated[str | None, _setting("input", "--input", "-i", metavar="mic|demo|PATH|URL|-")]
Device = Annotated[str | None, _setting("device", "--device", "-d", metavar="NAME|INDEX")]
Channels = Annotated[str | None, _setting("channels", metavar="3,4")]
ZoneId = Annotated[str | None, _setting("zone")]
Loop = Annotated[bool | None, _setting("loop", "--loop/--once")]
RawFormat = Annotated[Literal["s16le", "f32le"] | None, _setting("raw-format")]
RawRate = Annotated[int | None, _setting("raw-rate", metavar="HZ")]
RawChannels = Annotated[int | None, _setting("raw-channels", metavar="N")]

# Estimation

Rate = Annotated[float | None, _setting("rate", metavar="HZ")]
Model = Annotated[Path | None, _setting("model", metavar="FILE", default="the shipped weights")]
Require = Annotated[Literal["any", "gpu"] | None, _setting("require")]
Remote = Annotated[str | None, _setting("remote", metavar="URL", default="none")]

# MQTT

Broker = Annotated[str | None, _setting("broker", metavar="auto|embedded|URL")]
Node = Annotated[
    str | None,
    _setting("node", text="Name of this machine in the topics.", default="host name"),
]

# Outputs

Lights = Annotated[Path | None, _setting("lights", metavar="SHOW")]
Record = Annotated[Path | None, _setting("record", metavar="DIR")]
RecordAudio = Annotated[bool | None, _setting("record-audio", "--record-audio")]
Metrics = Annotated[str | None, _setting("metrics", metavar="HOST:PORT")]
Dashboard = Annotated[bool | None, _setting("dashboard", "--dashboard")]
DashboardListen = Annotated[str | None, _setting("dashboard-listen", metavar="HOST:PORT")]

# General

Wait = Annotated[bool | None, _setting("wait", "--wait")]
Log = Annotated[Literal["console", "json"] | None, _setting("log")]
