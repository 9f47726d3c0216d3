"""Takes back everything that a node left on a broker."""

import asyncio
import contextlib

import aiomqtt

from streamer.config import HomeAssistant, Mqtt
from streamer.errors import BrokerError, UsageError
from streamer.mqtt.address import Address
from streamer.mqtt.causes import explain
from streamer.mqtt.credentials import read_credentials
from streamer.mqtt.discovery import Discovery
from streamer.mqtt.inbox import ONLINE
from streamer.mqtt.link import Dialler
from streamer.mqtt.topics import Topics

_LISTEN = 1.0
"""Seconds in which a broker tells everything that it retains."""


async def forget(mqtt: Mqtt, home_assistant: HomeAssistant, address: Address) -> list[str]:
    """Remove the retained messages of a node: status, states, Home Assistant's devices.

    Returns
    -------
    list of str
        The topics that were removed.

    Raises
    ------
    UsageError
        The node is online.
    BrokerError
        The broker cannot be used.
    """
    topics = Topics.of(mqtt)
    devices = Discovery(home_assistant, mqtt, [], controlled=False).ours
    credentials = read_credentials(mqtt, address)
    dialler = Dialler(address, credentials, protocol=mqtt.protocol)
    try:
        async with dialler.dial("streamer-forget") as (link, _):
            for each in (f"{topics.base}/#", devices):
                await link.subscribe(each, qos=1)
            found = await _retained(link.messages)
            if found.get(topics.status) == ONLINE:
                raise UsageError(f"{topics.base} is online; stop it first, or name another --node")
            for topic in found:
                await link.publish(topic, b"", qos=1, retain=True)
            return sorted(found)
    except aiomqtt.MqttError as error:
        raise BrokerError(explain(error, address, user=credentials.user)) from error


async def _retained(messages: aiomqtt.client.MessagesIterator) -> dict[str, object]:
    found: dict[str, object] = {}
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LISTEN):
            async for message in messages:
                if message.retain:
                    found[str(message.topic)] = message.payload
    return found
