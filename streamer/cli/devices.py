"""`streamer devices`: list the input devices."""

import json
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from streamer.audio.microphone import DeviceList


def devices(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the microphones and other input devices.

    Select one with `streamer run --input mic --device "words of its name"`.
    """
    from streamer.audio.microphone import list_devices

    listed = list_devices()
    if as_json:
        content = {
            "portaudio": listed.portaudio,
            "devices": [device.as_dict() for device in listed.devices],
        }
        typer.echo(json.dumps(content, indent=2))
        return
    console = Console(markup=False, highlight=False)  # a device name may contain brackets
    if listed.devices:
        console.print(_table(listed))
    else:
        console.print(
            "No microphone. Plug one in; on Linux the user must be in the group audio, "
            "or a sound server must run."
        )


def _table(listed: "DeviceList") -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading, justify in (
        ("", "left"), ("index", "right"), ("name", "left"), ("host API", "left"),
        ("channels", "right"), ("Hz", "right"), ("latency", "right"),
    ):  # fmt: skip
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    for device in listed.devices:
        table.add_row(
            "*" if device.default else "",
            str(device.index),
            device.name,
            device.host_api,
            str(device.channels),
            str(device.rate),
            f"{device.latency * 1e3:.0f} ms",
        )
    table.caption = "* default device"
    table.caption_justify = "left"
    return table
