"""Run one broker connection: subscribe, announce, and publish until the connection is lost."""

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from typing import Any

from streamer.helpers import EpochClock
from streamer.mqtt.client import MqttClient, Version
from streamer.mqtt.commands import CommandHandler
from streamer.mqtt.discovery import Discovery
from streamer.mqtt.incoming import IncomingMessages
from streamer.mqtt.lanes import EstimateLane, QueueLane, StateLane
from streamer.mqtt.pending import OutgoingMessage, PendingMessages
from streamer.mqtt.topics import ONLINE, Topics

ECHO_TIMEOUT = 3.0
"""Seconds until our own status has to come back; a broker's ACL drops messages silently."""

_FIRST_FAILURE_CODE = 128  # of the reason codes of a subscription

logger = logging.getLogger(__name__)


class BrokerSession:
    """Publish and subscribe over one open connection.

    The publisher sets the last will when it connects; this session publishes `online`.

    Parameters
    ----------
    client, version
        Connected client and its MQTT version.
    topics
        Topics of this node.
    pending
        Pending messages by zone, published from here.
    discovery, handler
        See `IncomingMessages`.
    """

    def __init__(
        self,
        client: MqttClient,
        version: Version,
        *,
        topics: Topics,
        pending: Mapping[str, PendingMessages],
        discovery: Discovery | None = None,
        handler: CommandHandler | None = None,
    ) -> None:
        self._client = client
        self._topics = topics
        self._pending = pending
        self._checks_discovery = discovery is not None and discovery.enabled
        self._stopped = False
        mqtt5, clock = version == "5", EpochClock()
        self._queue = QueueLane(client, mqtt5=mqtt5)
        self._estimates = EstimateLane(client, topics, pending, clock, mqtt5=mqtt5)
        self._states = StateLane(client, topics, pending, clock, mqtt5=mqtt5)
        self._incoming = IncomingMessages(
            topics,
            pending,
            discovery=discovery,
            handler=handler,
            enqueue=self.enqueue,
            on_home_assistant_start=self._republish_states,
        )

    @property
    def stalled(self) -> bool:
        """Whether the broker does not respond, so that estimates would arrive stale."""
        return self._states.stalled

    def wake(self) -> None:
        """Publish what is pending."""
        self._estimates.wake()
        self._states.wake()

    def enqueue(self, message: OutgoingMessage) -> None:
        """Publish a message after those enqueued before."""
        self._queue.enqueue(message)

    async def publish_status(self, status: bytes) -> None:
        """Publish the retained status of this node, and wait for the broker's acknowledgement."""
        await self._client.publish(self._topics.status, status, qos=1, retain=True)

    async def start(self) -> None:
        """Publish `online`, subscribe, announce the devices, and republish the last states."""
        await self.publish_status(ONLINE)
        for topic_filter in self._incoming.filters:
            codes = await self._client.subscribe(topic_filter, qos=1)
            if any(getattr(code, "value", code) >= _FIRST_FAILURE_CODE for code in codes):
                logger.warning(
                    "cannot subscribe to %s: the broker refuses; allow this user to read it",
                    topic_filter,
                )
        self._incoming.announce_devices()
        self._republish_states()

    async def run(self, stop: "asyncio.Future[Any]") -> None:
        """Receive and publish until `stop` is done.

        Raises
        ------
        aiomqtt.MqttError
            The connection is lost.
        """
        lanes = self._queue, self._estimates, self._states
        tasks = [
            asyncio.create_task(self._receive(), name="mqtt-receive"),
            asyncio.create_task(self._check_access(), name="mqtt-check-access"),
            asyncio.create_task(self._queue.run(), name="mqtt-queue"),
            asyncio.create_task(self._estimates.run(), name="mqtt-va"),
            asyncio.create_task(self._states.run(), name="mqtt-state"),
        ]
        # Not a TaskGroup: under Python 3.11 it leaves our task marked as being cancelled.
        try:
            await asyncio.wait([*tasks, stop], return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._stopped = True
            for lane in lanes:
                lane.stopped = True
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    def _republish_states(self) -> None:
        for pending in self._pending.values():
            pending.republish_state()
        self.wake()

    async def _receive(self) -> None:
        async for message in self._client.messages:
            self._incoming.handle(message)
            if self._stopped:
                return

    async def _check_access(self) -> None:
        """Log if the broker's access control list (ACL) silently drops our messages."""
        denied = False
        while not self._stopped:
            if await _is_set_within(self._incoming.status_echoed, ECHO_TIMEOUT):
                if denied:
                    logger.info("the broker accepts our messages now")
                break
            denied = True
            logger.error(
                "cannot publish: our messages do not come back from the broker, whose access "
                "control list (ACL) seems to deny them; allow this user to write and read %s/#",
                self._topics.base,
                extra={"cause": "acl"},
            )
            await self.publish_status(ONLINE)
        if self._checks_discovery and not self._stopped:
            await self._check_discovery_access()
        if not self._stopped:
            await asyncio.Event().wait()  # a task that ends would end the session

    async def _check_discovery_access(self) -> None:
        if not await _is_set_within(self._incoming.discovery_echoed, ECHO_TIMEOUT):
            logger.warning(
                "cannot announce the zones to Home Assistant: our messages do not come back from "
                "the broker; allow this user to write and read %s, or set discovery = false in "
                "[home_assistant]",
                self._incoming.filters[-1],
                extra={"cause": "acl of discovery"},
            )


async def _is_set_within(event: asyncio.Event, seconds: float) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()
