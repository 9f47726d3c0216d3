"""Record how each kind of message is published: topic, QoS, retain flag, expiry.

A real `BrokerSession` publishes one message of each kind to a client that records them.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, cast

from streamer.mqtt import Ack, Health, ResponseTarget, Topics
from streamer.mqtt.client import MqttClient
from streamer.mqtt.commands import ack_messages
from streamer.mqtt.pending import PendingMessages
from streamer.mqtt.session import BrokerSession
from streamer.tracking import Update

_ZONE = "zone"
_KINDS = {"status", "va", "state", "health", "ack"}
_TIMEOUT = 2.0  # seconds; less than the session waits for its own status to come back


@dataclass(frozen=True, slots=True)
class Delivery:
    """How a message is published.

    Attributes
    ----------
    topic
        Topic, with the placeholders `<base>`, `<zone>` and `<name>`.
    qos
        Quality of service: 0, 1 or 2.
    retain
        Whether the broker retains it.
    expiry
        Seconds after which an MQTT 5 broker discards it; None for never.
    """

    topic: str
    qos: int
    retain: bool
    expiry: int | None


class _RecordingClient:
    """MQTT client that records what it is told to publish."""

    def __init__(self) -> None:
        self.published: dict[str, Delivery] = {}
        self.complete = asyncio.Event()

    async def publish(
        self, topic: str, _payload: bytes, qos: int = 0, retain: bool = False, **more: Any
    ) -> None:
        topic = topic.replace(f"/{_ZONE}/", "/<zone>/").replace("/ack/freeze", "/ack/<name>")
        expiry = getattr(more.get("properties"), "MessageExpiryInterval", None)
        kind = topic.removeprefix("<base>/").removeprefix("<zone>/").partition("/")[0]
        self.published[kind] = Delivery(topic, qos, retain, expiry)
        if self.published.keys() >= _KINDS:
            self.complete.set()

    async def subscribe(self, _topic: str, qos: int = 0) -> tuple[int, ...]:
        return (qos,)

    @property
    async def messages(self) -> AsyncIterator[Any]:
        await asyncio.Event().wait()
        yield


def deliveries(update: Update, health: Health, ack: Ack) -> dict[str, Delivery]:
    """Return how each kind of message is published: `status`, `va`, `state`, `health`, `ack`.

    Parameters
    ----------
    update
        Captured just now: a stale one would be dropped.
    health, ack
        Any.
    """
    return asyncio.run(_publish(update, health, ack))


async def _publish(update: Update, health: Health, ack: Ack) -> dict[str, Delivery]:
    client, pending, topics = _RecordingClient(), PendingMessages(), Topics("<base>")
    session = BrokerSession(cast(MqttClient, client), "5", topics=topics, pending={_ZONE: pending})
    stop = asyncio.get_running_loop().create_future()
    await session.start()
    running = asyncio.create_task(session.run(stop))
    pending.put_update(update, keep_estimate=True)
    pending.health = health
    for message in ack_messages(ResponseTarget((topics.ack(_ZONE, "freeze"),)), ack):
        session.enqueue(message)
    session.wake()
    async with asyncio.timeout(_TIMEOUT):
        await client.complete.wait()
    stop.set_result(None)
    await running
    return client.published
