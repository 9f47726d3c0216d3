"""`streamer forget`."""

import asyncio
import os
from typing import Annotated

import typer

from streamer import logs
from streamer.cli.loops import new_loop
from streamer.cli.run import Config
from streamer.config import load


def forget(
    node: Annotated[
        str | None, typer.Option(help="The node's name in the topics.  [default: host name]")
    ] = None,
    broker: Annotated[
        str | None,
        typer.Option(metavar="auto|URL", help="Where it published.  [default: auto]"),
    ] = None,
    config: Config = None,
) -> None:
    """Remove what a node that is gone left on the broker, and its devices from Home Assistant.

    Status and states are retained, so that whoever comes later finds them; after a node was renamed
    or given away they stay for ever. A node that is online is left alone.
    """
    settings = load({"node": node, "broker": broker}, config_path=config, environ=os.environ)
    logs.configure("console", "warning")

    from streamer.mqtt import Address, resolve_broker
    from streamer.mqtt.forget import forget as take_back

    address = resolve_broker(settings.mqtt) or Address("localhost", settings.mqtt.port)
    with asyncio.Runner(loop_factory=new_loop) as loops:
        removed = loops.run(take_back(settings.mqtt, settings.home_assistant, address))
    for topic in removed:
        typer.echo(topic)
    typer.echo(f"{len(removed)} messages removed from {address}")
