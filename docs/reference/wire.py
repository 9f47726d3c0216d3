"""Record how each kind of message is published: topic, QoS, retain flag, expiry.

A real `BrokerSession` publishes one message of each kind to a client that records them.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, cast

from streamer.mqtt import Ack, Health, Topics
from streamer.mqtt.client import MqttClient
from streamer.mqtt.commands import ResponseTarget
from streamer.mqtt.incoming import ack_messages
from streamer.mqtt.pending import PendingMessages
from streamer.mqtt.session import BrokerSession
from streamer.tracking import Update

_ZONE = "zone"
_KINDS = {"status", "va", "state", "health", "ack"}
_PATIENCE = 2.0  # seconds; less than the sender waits for its own status to come back


@dataclass(frozen=True, slots=True)
class Delivery:
    """How a message was sent.

    Attributes
    ----------
    topic
        Where to, with `<base>`, `<zone>` and `<name>` in place of their values.
    qos
        Quality of service.
    retain
        Whether the broker keeps it.
    expiry
        Seconds after which a broker that speaks MQTT 5 drops it; None for never.
    """

    topic: str
    qos: int
    retain: bool
    expiry: int | None


class _Nowhere:
    """A link that keeps what it is to send."""

    def __init__(self) -> None:
        self.sent: dict[str, Delivery] = {}
        self.all_sent = asyncio.Event()

    async def publish(
        self, topic: str, _payload: bytes, qos: int = 0, retain: bool = False, **more: Any
    ) -> None:
        named = topic.replace(f"/{_ZONE}/", "/<zone>/").replace("/ack/freeze", "/ack/<name>")
        expiry = getattr(more.get("properties"), "MessageExpiryInterval", None)
        kind = named.removeprefix("<base>/").removeprefix("<zone>/").partition("/")[0]
        self.sent[kind] = Delivery(named, qos, retain, expiry)
        if self.sent.keys() >= _KINDS:
            self.all_sent.set()

    async def subscribe(self, _topic: str, qos: int = 0) -> tuple[int, ...]:
        return (qos,)

    @property
    async def messages(self) -> AsyncIterator[Any]:
        await asyncio.Event().wait()
        yield


def deliveries(update: Update, health: Health, ack: Ack) -> dict[str, Delivery]:
    """Return how each kind of message is sent: `status`, `va`, `state`, `health`, `ack`.

    Parameters
    ----------
    update
        Captured now, or it would be left out as stale.
    health, ack
        Any.
    """
    return asyncio.run(_send(update, health, ack))


async def _send(update: Update, health: Health, ack: Ack) -> dict[str, Delivery]:
    nowhere, box, topics = _Nowhere(), PendingMessages(), Topics("<base>")
    sender = BrokerSession(cast(MqttClient, nowhere), "5", topics=topics, boxes={_ZONE: box})
    stop = asyncio.get_running_loop().create_future()
    await sender.begin()
    running = asyncio.create_task(sender.run(stop))
    box.put(update, keep=True)
    box.health = health
    for letter in ack_messages(ResponseTarget((topics.ack(_ZONE, "freeze"),)), ack):
        sender.post(letter)
    sender.wake()
    async with asyncio.timeout(_PATIENCE):
        await nowhere.all_sent.wait()
    stop.set_result(None)
    await running
    return nowhere.sent
