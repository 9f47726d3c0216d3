"""What a broker retains."""

import asyncio
import contextlib
from collections.abc import Iterable

import aiomqtt

from streamer import limits
from streamer.config import Mqtt
from streamer.errors import BrokerError
from streamer.mqtt.broker_address import Address
from streamer.mqtt.client import Dialler
from streamer.mqtt.connection_errors import explain
from streamer.mqtt.incoming import ONLINE
from streamer.mqtt.topics import Topics

_WITHIN = 0.7
"""Seconds in which a broker tells all that it retains."""


async def read_retained(
    config: Mqtt, address: Address, filters: Iterable[str], *, remove: bool = False
) -> dict[str, bytes]:
    """Return the retained messages that match, by their topics.

    Parameters
    ----------
    config
        The `[mqtt]` table.
    address
        Where the broker is.
    filters
        Topics, with wildcards.
    remove
        Take them off the broker.

    Raises
    ------
    BrokerError
        The broker cannot be asked.
    """
    dialler = Dialler.of(config, address)
    try:
        async with dialler.dial("streamer-look") as (link, _):
            for each in filters:
                await link.subscribe(each, qos=1)
            found = await _listen(link)
            for topic in found if remove else ():
                await link.publish(topic, b"", qos=1, retain=True)
            return found
    except aiomqtt.MqttError as error:
        raise BrokerError(explain(error, address, user=dialler.credentials.user)) from error


async def is_online(config: Mqtt, address: Address) -> bool:
    """Whether a streamer is online under our base topic.

    Raises
    ------
    BrokerError
        The broker cannot be asked.
    """
    status = Topics.of(config).status
    return (await read_retained(config, address, [status])).get(status) == ONLINE


async def _listen(link: aiomqtt.Client) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_WITHIN):
            async for message in link.messages:
                if message.retain and isinstance(message.payload, bytes):
                    found[str(message.topic)] = message.payload
                if len(found) >= limits.MAX_RETAINED_MESSAGES:
                    break
    return found
