"""Publish over one connection: fresh estimates, states with health, and queued messages.

Each lane is a task of its own, so that estimates never wait for the acknowledgements (QoS 1) of the
other lanes. Stale estimates are dropped.
"""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Mapping

from pydantic import ValidationError

from streamer import limits
from streamer.helpers import EpochClock
from streamer.mqtt.client import MqttClient, json_properties
from streamer.mqtt.payloads import VA, State
from streamer.mqtt.pending import OutgoingMessage, PendingMessages
from streamer.mqtt.topics import Topics
from streamer.tracking import MAX_ESTIMATE_AGE_S, Update

ESTIMATE_EXPIRY_S = 3
"""Seconds after which an MQTT 5 broker discards an undelivered estimate."""
STALL_TIMEOUT = 1.0
"""Seconds without an acknowledgement from the broker after which estimates are dropped."""

logger = logging.getLogger(__name__)


class _Lane:
    """Loop that publishes one kind of message whenever it is woken.

    Attributes
    ----------
    stopped
        Set to end the loop: before Python 3.12, `asyncio.wait_for` may swallow a cancellation.
    """

    def __init__(self, client: MqttClient, *, mqtt5: bool) -> None:
        self.stopped = False
        self._client = client
        self._mqtt5 = mqtt5
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Let the loop check for pending messages."""
        self._wake.set()


class QueueLane(_Lane):
    """Publish acknowledgements and announcements in order; drop the oldest if too many wait."""

    def __init__(self, client: MqttClient, *, mqtt5: bool) -> None:
        super().__init__(client, mqtt5=mqtt5)
        self._queue: deque[OutgoingMessage] = deque(maxlen=limits.MAX_PENDING_MESSAGES)
        self._properties = json_properties()

    def enqueue(self, message: OutgoingMessage) -> None:
        """Queue a message for publishing."""
        self._queue.append(message)
        self.wake()

    async def run(self) -> None:
        """Publish queued messages until stopped or the connection is lost."""
        while not self.stopped:
            await self._wake.wait()
            self._wake.clear()
            while self._queue and not self.stopped:
                message = self._queue.popleft()
                await self._client.publish(
                    message.topic,
                    message.payload,
                    message.qos,
                    retain=message.retain,
                    properties=(message.properties or self._properties) if self._mqtt5 else None,
                )


class _ZoneLane(_Lane):
    """Loop that publishes pending messages of every zone."""

    _expiry_s: int | None = None

    def __init__(
        self,
        client: MqttClient,
        topics: Topics,
        pending: Mapping[str, PendingMessages],
        clock: EpochClock,
        *,
        mqtt5: bool,
    ) -> None:
        super().__init__(client, mqtt5=mqtt5)
        self._topics = topics
        self._pending = pending
        self._clock = clock
        self._properties = json_properties(expiry_s=self._expiry_s) if mqtt5 else None


class EstimateLane(_ZoneLane):
    """Publish each zone's newest estimate with QoS 0; drop stale ones."""

    _expiry_s = ESTIMATE_EXPIRY_S

    async def run(self) -> None:
        """Publish pending estimates until stopped or the connection is lost."""
        while not self.stopped:
            await self._wake.wait()
            self._wake.clear()
            for zone, pending in self._pending.items():
                if (estimate := pending.pop_estimate()) is not None:
                    await self._publish(zone, pending, *estimate)

    async def _publish(self, zone: str, pending: PendingMessages, seq: int, update: Update) -> None:
        latency = time.monotonic() - update.captured
        sent = False
        try:
            if latency > MAX_ESTIMATE_AGE_S:
                return
            estimate = VA.from_update(update, seq=seq, epoch=self._clock.offset(), latency=latency)
            await self._client.publish(
                self._topics.va(zone), estimate.to_json(), properties=self._properties
            )
            sent = True
        except ValidationError as error:
            _log_invalid_update(zone, error)
        finally:
            pending.count_estimate(latency if sent else None)


class StateLane(_ZoneLane):
    """Publish each zone's state with QoS 1 at most once per second, and its health with QoS 0."""

    _unacknowledged_since: float | None = None

    @property
    def stalled(self) -> bool:
        """Whether the broker has not acknowledged a state for `STALL_TIMEOUT`."""
        since = self._unacknowledged_since
        return since is not None and time.monotonic() - since > STALL_TIMEOUT

    async def run(self) -> None:
        """Publish pending states and health until stopped or the connection is lost."""
        next_due: float | None = None
        while not self.stopped:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), next_due)
            self._wake.clear()
            next_due = None
            for zone, pending in self._pending.items():
                if (health := pending.pop_health()) is not None:
                    await self._client.publish(
                        self._topics.health(zone), health.to_json(), properties=self._properties
                    )
                due = pending.seconds_until_state()
                if due == 0 and (state := pending.pop_state()) is not None:
                    await self._publish_state(zone, *state)
                elif due is not None:
                    next_due = due if next_due is None else min(next_due, due)

    async def _publish_state(self, zone: str, update: Update, title: str | None) -> None:
        controls = self._pending[zone].controls
        try:
            state = State.from_update(
                update, epoch=self._clock.offset(), title=title, controls=controls
            )
        except ValidationError as error:
            _log_invalid_update(zone, error)
            return
        self._unacknowledged_since = time.monotonic()
        stall_timer = asyncio.get_running_loop().call_later(STALL_TIMEOUT, _log_stall)
        try:
            await self._client.publish(
                self._topics.state(zone),
                state.to_json(),
                1,
                retain=True,
                properties=self._properties,
            )
        finally:
            stall_timer.cancel()
        if self.stalled:
            logger.info("the broker responds again", extra={"cause": "no stall"})
        self._unacknowledged_since = None


def _log_stall() -> None:
    logger.warning(
        "the broker does not respond; dropping estimates until it does", extra={"cause": "stall"}
    )


def _log_invalid_update(zone: str, error: ValidationError) -> None:
    fields = ", ".join(".".join(map(str, each["loc"])) for each in error.errors())
    logger.error("cannot publish an update: out of range: %s", fields, extra={"zone": zone})
