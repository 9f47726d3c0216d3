"""`streamer forget`: remove a node's retained messages from the broker."""

import asyncio
import os
from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated

import typer

from streamer import logs
from streamer.app.process import new_event_loop
from streamer.cli.options import ConfigFile
from streamer.config import Config as Settings
from streamer.config import load
from streamer.errors import UsageError

if TYPE_CHECKING:
    from streamer.mqtt import BrokerAddress


def forget(
    node: Annotated[
        str | None, typer.Option(help="Name of the node in the topics.  [default: host name]")
    ] = None,
    broker: Annotated[
        str | None,
        typer.Option(metavar="auto|URL", help="MQTT broker that it published to.  [default: auto]"),
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Remove a retired node's retained messages from the broker, and its Home Assistant devices.

    A broker keeps retained messages (status, states, discovery) until they are removed, even after
    a node was renamed. A node that is online is refused.
    """
    settings = load({"node": node, "broker": broker}, config_path=config, environ=os.environ)
    logs.configure("console", "warning")

    from streamer.mqtt import existing_broker_address

    address = existing_broker_address(settings.mqtt)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        removed = runner.run(_forget(settings, address))
    for topic in sorted(removed):
        typer.echo(topic)
    typer.echo(f"{len(removed)} messages removed from {address}")


async def _forget(settings: Settings, address: "BrokerAddress") -> Collection[str]:
    from streamer.mqtt import Topics
    from streamer.mqtt.discovery import Discovery
    from streamer.mqtt.subscriber import is_node_online, read_retained

    topics = Topics.from_config(settings.mqtt)
    if await is_node_online(settings.mqtt, address):
        raise UsageError(
            f"cannot forget {topics.base}: it is online; stop it first, or choose another --node"
        )
    devices = Discovery(settings.home_assistant, settings.mqtt, [], controlled=False).config_filter
    return await read_retained(
        settings.mqtt, address, [*topics.retained_filters, devices], remove=True
    )
