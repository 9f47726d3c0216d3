"""Publish the zones of this node over MQTT, with a last will; reconnect after every loss."""

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
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

_OFFLINE_TIMEOUT = 1.0  # seconds to publish `offline` on a clean stop

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BrokerStatus:
    """Connection to the MQTT broker.

    Attributes
    ----------
    address
        URL without credentials; empty before the broker was found.
    connected
        Whether `online` is published; None during the first attempt.
    reconnects
        Times the connection was lost and re-established.
    """

    address: str = ""
    connected: bool | None = None
    reconnects: int = 0


class Publisher(Sink):
    """MQTT output of a run: estimates, states, health and acknowledgements.

    Offers never block: each zone has one slot for its newest estimate, one for its state, one for
    its health. While the broker is unreachable or does not respond, estimates are dropped and the
    newest state is kept. The last will is `offline`, so that the broker publishes it when this
    process dies. All methods belong to the event loop's thread.

    Parameters
    ----------
    config
        The `[mqtt]` table.
    address
        Address of the broker; see `open_broker`.
    zones
        Names of the zones.
    home_assistant
        The `[home_assistant]` table. Default: no discovery.
    handler
        Executes received commands. Default: subscribe to no commands.
    title_of
        Returns the current title of a zone; None if unknown.

    Attributes
    ----------
    topics
        Topics of this node.

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
        self._client_name = f"streamer-{config.node or default_node()}"
        self._address = address
        self._connector = BrokerConnector.from_config(config, address)
        self._pending = {zone: PendingMessages() for zone in zones}
        self._handler = handler
        self._discovery = (
            Discovery(home_assistant, config, self._pending, controlled=handler is not None)
            if home_assistant is not None
            else None
        )
        self._connected = asyncio.Event()
        self._session: BrokerSession | None = None
        self._connections = 0
        self._connected_at = math.inf
        self._last_error = ""
        self._task: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()

    @property
    def address(self) -> BrokerAddress:
        """Address of the broker."""
        return self._address

    @property
    def connected(self) -> bool:
        """Whether the broker is connected and has our status `online`."""
        return self._connected.is_set()

    @property
    def reconnects(self) -> int:
        """Count of connections after the first."""
        return max(0, self._connections - 1)

    @property
    def status(self) -> BrokerStatus:
        """Connection to the broker."""
        return BrokerStatus(str(self._address), self.connected, self.reconnects)

    def counters(self, zone: str) -> Counters:
        """Return the counts of a zone's estimates."""
        return self._pending[zone].counters

    def latency(self, zone: str) -> Latency | None:
        """Return latency percentiles of a zone's last 600 published estimates."""
        return self._pending[zone].latency_percentiles()

    async def wait_connected(self) -> None:
        """Wait until the broker is connected and has our status `online`."""
        await self._connected.wait()

    def offer_update(self, zone: str, update: Update) -> None:
        """Publish an update on `va`, and at most once per second as `state` with its title."""
        session = self._session
        can_send = session is not None and not session.stalled
        self._pending[zone].put_update(update, keep_estimate=can_send, title=self._title_of(zone))
        self._wake_session()

    def offer_health(self, zone: str, health: Health) -> None:
        """Publish a zone's health."""
        self._pending[zone].health = health
        self._wake_session()

    def offer_controls(self, zone: str, controls: Controls) -> None:
        """Publish a zone's settings with its state, now and from now on."""
        pending = self._pending[zone]
        if controls != pending.controls:
            pending.controls = controls
            pending.mark_state_pending()
            self._wake_session()

    def publish_ack(self, respond_to: ResponseTarget, ack: Ack) -> None:
        """Publish a later acknowledgement of a command; dropped if the broker is unreachable."""
        if self._session is not None:
            for message in ack_messages(respond_to, ack):
                self._session.enqueue(message)

    async def run(self) -> None:
        """Stay connected and publish what is offered, until `close`.

        Cancelling it is a clean stop too: `offline` is published first. Failures of the broker are
        never raised, but logged once per cause and retried.
        """
        self._task = asyncio.create_task(self._reconnect_until_closed(), name="mqtt-publisher")
        try:
            await asyncio.shield(self._task)
        except asyncio.CancelledError:
            await self.close()
            raise
        finally:
            self._task.cancel()

    async def close(self) -> None:
        """Publish `offline`, disconnect, and let `run` return. Takes a few seconds at most."""
        self._stop.set()
        if self._task is not None:
            await asyncio.wait({self._task})

    def _wake_session(self) -> None:
        if self._session is not None:
            self._session.wake()

    async def _reconnect_until_closed(self) -> None:
        backoff = Backoff()
        stop = asyncio.create_task(self._stop.wait(), name="mqtt-stop")
        try:
            while not stop.done():
                self._connected_at = math.inf
                try:
                    await self._run_session_or_stop(stop)
                except (aiomqtt.MqttError, OSError) as error:
                    self._last_error = failure_cause(error)
                    logger.warning(
                        "MQTT broker at %s: %s; trying again", self._address, self._last_error
                    )
                except Exception as error:
                    self._last_error = str(error)
                    logger.exception("publishing failed; reconnecting")
                uptime = time.monotonic() - self._connected_at
                await asyncio.wait({stop}, timeout=backoff.next_delay(uptime))
        finally:
            stop.cancel()

    async def _run_session_or_stop(self, stop: "asyncio.Task[Any]") -> None:
        """Run a session; cancel it if `stop` comes before it is connected.

        A connected session notices `stop` itself, and publishes `offline`.
        """
        session = asyncio.create_task(self._run_session(stop), name="mqtt-session")
        try:
            await asyncio.wait({session, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not self.connected:
                session.cancel()
            await asyncio.wait({session})
        finally:
            session.cancel()
        if not session.cancelled():
            session.result()

    async def _run_session(self, stop: "asyncio.Task[Any]") -> None:
        """Connect with the last will; publish until the connection is lost or `stop` is done."""
        last_will = aiomqtt.Will(self.topics.status, OFFLINE, qos=1, retain=True)
        connection = self._connector.connect(self._client_name, last_will)
        async with connection as (client, version):
            session = BrokerSession(
                client,
                version,
                topics=self.topics,
                pending=self._pending,
                discovery=self._discovery,
                handler=self._handler,
            )
            try:
                await session.start()
                self._on_connected(session, version)
                await session.run(stop)
            finally:
                try:
                    if stop.done():
                        # A clean disconnect suppresses the last will.
                        with contextlib.suppress(aiomqtt.MqttError, TimeoutError):
                            offline = session.publish_status(OFFLINE)
                            await asyncio.wait_for(offline, _OFFLINE_TIMEOUT)
                finally:
                    self._on_disconnected()

    def _on_connected(self, session: BrokerSession, version: Version) -> None:
        self._session = session
        self._connections += 1
        self._connected_at = time.monotonic()
        self._connected.set()
        logger.info(
            "publishing %s/# at %s (MQTT %s)",
            self.topics.base,
            self._address,
            version,
            extra={"cause": f"connected after: {self._last_error}"},
        )

    def _on_disconnected(self) -> None:
        self._session = None
        self._connected.clear()
        for pending in self._pending.values():
            pending.drop_estimate()
