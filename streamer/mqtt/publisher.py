"""Puts what the trackers say on the wire, whatever becomes of the broker."""

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Callable, Iterable
from typing import Any

import aiomqtt

from streamer.config.models import HomeAssistant, Mqtt
from streamer.helpers import Backoff
from streamer.mqtt.broker_address import BrokerAddress
from streamer.mqtt.client import BrokerConnector, Version
from streamer.mqtt.commands import CommandHandler, ResponseTarget, ack_messages
from streamer.mqtt.connection_errors import failure_cause
from streamer.mqtt.discovery import Discovery
from streamer.mqtt.payloads import Ack, Controls, Health, Latency
from streamer.mqtt.pending import Counters, PendingMessages
from streamer.mqtt.session import BrokerSession
from streamer.mqtt.topics import OFFLINE, Topics, default_node
from streamer.outputs.sink import Sink
from streamer.tracking import Update

logger = logging.getLogger(__name__)


class Publisher(Sink):
    """Publishes the zones of this node; `run` keeps it connected until `close`.

    What is offered never waits and never blocks: each zone has one slot for its newest estimate,
    one for its state, one for its health. While the broker is away or silent, estimates are dropped
    and the newest state is kept. All methods belong to the event loop's thread.

    Parameters
    ----------
    config
        The `[mqtt]` table.
    address
        Where the broker is; see `open_broker`.
    zones
        Names of the zones that will be offered.
    home_assistant
        How Home Assistant is told of them; not at all by default.
    handler
        Carries out the commands that arrive; without one none are taken.
    title_of
        Returns the title of what a zone plays, None if unknown.

    Attributes
    ----------
    topics
        The topics in use.

    Examples
    --------
    ::

        async with open_broker(config.mqtt) as address, asyncio.TaskGroup() as group:
            publisher = Publisher(config.mqtt, address, zones=["main"])
            group.create_task(publisher.run())
            async for update in tracker:
                publisher.offer_update("main", update)
            await publisher.close()
    """

    def __init__(
        self,
        config: Mqtt,
        address: BrokerAddress,
        *,
        zones: Iterable[str],
        home_assistant: HomeAssistant | None = None,
        handler: CommandHandler | None = None,
        title_of: Callable[[str], str | None] = lambda _zone: None,
    ) -> None:
        self._title_of = title_of
        self.topics = Topics.from_config(config)
        self._name = f"streamer-{config.node or default_node()}"
        self._address = address
        self._dialler = BrokerConnector.from_config(config, address)
        self._boxes = {zone: PendingMessages() for zone in zones}
        self._handler = handler
        self._discovery = (
            Discovery(home_assistant, config, self._boxes, controlled=handler is not None)
            if home_assistant is not None
            else None
        )
        self._connected = asyncio.Event()
        self._sender: BrokerSession | None = None
        self._connections = 0
        self._trouble = ""
        self._connected_at = math.inf
        self._task: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()

    @property
    def address(self) -> BrokerAddress:
        """Where the broker is."""
        return self._address

    @property
    def connected(self) -> bool:
        """Whether the broker is there and was told that we are `online`."""
        return self._connected.is_set()

    @property
    def reconnects(self) -> int:
        """How often the broker was lost and found again."""
        return max(0, self._connections - 1)

    def counters(self, zone: str) -> Counters:
        """Return what became of a zone's estimates."""
        return self._boxes[zone].counters

    def latency(self, zone: str) -> Latency | None:
        """Return a zone's latencies over its last 600 estimates sent, None before the first."""
        return self._boxes[zone].latency_percentiles()

    async def wait_connected(self) -> None:
        """Wait until the broker was told that we are `online`."""
        await self._connected.wait()

    def offer_update(self, zone: str, update: Update) -> None:
        """Publish an update on `va`, and at most once a second as `state` with its title."""
        sender = self._sender
        keep = sender is not None and not sender.stalled
        self._boxes[zone].put_update(update, keep_estimate=keep, title=self._title_of(zone))
        if sender is not None:
            sender.wake()

    def offer_health(self, zone: str, health: Health) -> None:
        """Let a zone's health be published."""
        self._boxes[zone].health = health
        if self._sender is not None:
            self._sender.wake()

    def show_controls(self, zone: str, controls: Controls) -> None:
        """Let a zone's state say how it is set, from now on."""
        box = self._boxes[zone]
        if controls != box.controls:
            box.controls = controls
            box.mark_state_pending()
            if self._sender is not None:
                self._sender.wake()

    def answer(self, reply: ResponseTarget, ack: Ack) -> None:
        """Answer a command later on; while the broker is away, the answer is lost."""
        if self._sender is not None:
            for letter in ack_messages(reply, ack):
                self._sender.enqueue(letter)

    async def run(self) -> None:
        """Stay connected, publish what is offered, return after `close`.

        Being cancelled is a clean stop too: `offline` is published first. Nothing that happens to
        the broker is raised; it is logged, one line for each cause.
        """
        self._task = asyncio.create_task(self._stay_connected(), name="mqtt-publisher")
        try:
            await asyncio.shield(self._task)
        except asyncio.CancelledError:
            await self.close()
            raise
        finally:
            self._task.cancel()

    async def close(self) -> None:
        """Publish `offline`, disconnect, let `run` return. Takes a few seconds at most."""
        self._stop.set()
        if self._task is not None:
            await asyncio.wait({self._task})

    async def _stay_connected(self) -> None:
        backoff = Backoff()
        stop = asyncio.create_task(self._stop.wait(), name="mqtt-stop")
        try:
            while not stop.done():
                self._connected_at = math.inf
                try:
                    await self._session_or_stop(stop)
                except (aiomqtt.MqttError, OSError) as error:
                    self._trouble = failure_cause(error)
                    logger.warning(
                        "MQTT broker at %s: %s; trying again", self._address, self._trouble
                    )
                except Exception as error:
                    self._trouble = str(error)
                    logger.exception("publishing failed and begins anew")
                lasted = time.monotonic() - self._connected_at
                await asyncio.wait({stop}, timeout=backoff.next_delay(lasted))
        finally:
            stop.cancel()

    async def _session_or_stop(self, stop: "asyncio.Task[Any]") -> None:
        """Run a session, which sees `stop` by itself once it is connected."""
        session = asyncio.create_task(self._session(stop), name="mqtt-session")
        try:
            await asyncio.wait({session, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not self.connected:
                session.cancel()
            await asyncio.wait({session})
        finally:
            session.cancel()
        if not session.cancelled():
            session.result()

    async def _session(self, stop: "asyncio.Task[Any]") -> None:
        """Connect, and publish until the connection is lost or `stop` is done."""
        will = aiomqtt.Will(self.topics.status, OFFLINE, qos=1, retain=True)
        async with self._dialler.connect(self._name, will) as (link, version):
            sender = BrokerSession(
                link,
                version,
                topics=self.topics,
                pending=self._boxes,
                discovery=self._discovery,
                handler=self._handler,
            )
            try:
                await sender.start()
                self._begin(sender, version)
                await sender.run(stop)
            finally:
                try:
                    if stop.done():
                        with contextlib.suppress(aiomqtt.MqttError, TimeoutError):
                            await asyncio.wait_for(sender.publish_status(OFFLINE), 1.0)
                finally:
                    self._end()

    def _begin(self, sender: BrokerSession, version: Version) -> None:
        self._sender = sender
        self._connections += 1
        self._connected_at = time.monotonic()
        self._connected.set()
        where = (self.topics.base, self._address, version)
        cause = f"connected after: {self._trouble}"
        logger.info("publishing %s/# at %s (MQTT %s)", *where, extra={"cause": cause})

    def _end(self) -> None:
        self._sender = None
        self._connected.clear()
        for box in self._boxes.values():
            box.drop_estimate()
