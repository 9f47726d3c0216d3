"""MQTT: topics, payloads, the publisher and the broker it talks to.

::

    async with open_broker(config.mqtt) as address, asyncio.TaskGroup() as group:
        publisher = Publisher(config.mqtt, address, zones=["main"])
        group.create_task(publisher.run())
        publisher.offer_update("main", update)  # at once, never waits
        await publisher.close()  # says offline
"""

from streamer.mqtt.broker import broker_elsewhere, open_broker, resolve_broker
from streamer.mqtt.broker_address import Address
from streamer.mqtt.client import check
from streamer.mqtt.commands import Command, CommandError
from streamer.mqtt.embedded_broker import embedded_broker
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
from streamer.mqtt.publisher import Publisher
from streamer.mqtt.topics import Topics, default_node
from streamer.tracking.mood import mood, quadrant

__all__ = [
    "VA",
    "Ack",
    "Address",
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
    "State",
    "Topics",
    "broker_elsewhere",
    "check",
    "default_node",
    "embedded_broker",
    "find_mosquitto",
    "json_schemas",
    "mood",
    "open_broker",
    "quadrant",
    "resolve_broker",
]
