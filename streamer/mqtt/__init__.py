"""MQTT: topics, payloads, publisher, subscriber, commands and brokers.

::

    async with open_broker(config.mqtt) as address, asyncio.TaskGroup() as group:
        publisher = Publisher(config.mqtt, address, zones=["main"])
        group.create_task(publisher.run())
        publisher.offer_update("main", update)  # returns at once
        await publisher.close()  # publishes `offline`
"""

from streamer.mqtt.broker import open_broker
from streamer.mqtt.broker_address import BrokerAddress, existing_broker_address
from streamer.mqtt.commands import Command, CommandError, ResponseTarget
from streamer.mqtt.mosquitto import find_mosquitto
from streamer.mqtt.payloads import (
    VA,
    Ack,
    Cleaned,
    Controls,
    Delays,
    Drops,
    Health,
    Latency,
    Point,
    Recording,
    Remote,
    State,
    json_schemas,
)
from streamer.mqtt.pending import Counters
from streamer.mqtt.publisher import BrokerStatus, Publisher
from streamer.mqtt.topics import Topics, default_node

__all__ = [
    "VA",
    "Ack",
    "BrokerAddress",
    "BrokerStatus",
    "Cleaned",
    "Command",
    "CommandError",
    "Controls",
    "Counters",
    "Delays",
    "Drops",
    "Health",
    "Latency",
    "Point",
    "Publisher",
    "Recording",
    "Remote",
    "ResponseTarget",
    "State",
    "Topics",
    "default_node",
    "existing_broker_address",
    "find_mosquitto",
    "json_schemas",
    "open_broker",
]
