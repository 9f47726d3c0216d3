"""Sends what waits over one connection, for as long as that lasts."""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from streamer import limits
from streamer.helpers import EpochClock
from streamer.mqtt.client import MqttClient, Version, json_properties
from streamer.mqtt.commands import CommandHandler
from streamer.mqtt.discovery import Discovery
from streamer.mqtt.incoming import IncomingMessages, OutgoingMessage
from streamer.mqtt.payloads import VA, State
from streamer.mqtt.pending import PendingMessages
from streamer.mqtt.topics import ONLINE, Topics
from streamer.tracking import MAX_ESTIMATE_AGE_S, Update

VA_EXPIRY = 3
"""Seconds a broker that speaks MQTT 5 may hold an estimate back."""
CONFIRMED_WITHIN = 3.0
"""Seconds within which our own status has to come back; a broker forbids in silence."""
STALLED = 1.0
"""Seconds without the broker's acknowledgement after which the fast stream is held."""

_REFUSED = 128  # and above: reasons for which a subscription fails

logger = logging.getLogger(__name__)


class BrokerSession:
    """Lanes over one connection: what arrives, letters, the fast stream, states with health.

    States ask the broker for an acknowledgement, which the fast stream never waits for; but when it
    stays out, the broker or the way to it hangs, and what were sent now would arrive stale.

    Parameters
    ----------
    link, version
        The open connection and its MQTT version.
    topics
        Where to.
    boxes
        What waits, by zone. Emptied from here.
    discovery, handler
        See `IncomingMessages`.
    """

    def __init__(
        self,
        link: MqttClient,
        version: Version,
        *,
        topics: Topics,
        boxes: Mapping[str, PendingMessages],
        discovery: Discovery | None = None,
        handler: CommandHandler | None = None,
    ) -> None:
        self._link = link
        self._topics = topics
        self._boxes = boxes
        self._inbox = IncomingMessages(
            topics,
            boxes,
            discovery=discovery,
            handler=handler,
            post=self.post,
            welcome=self._repeat_states,
        )
        self._announces = discovery is not None and discovery.enabled
        self._letters: deque[OutgoingMessage] = deque(maxlen=limits.MAX_PENDING_MESSAGES)
        self._posted = asyncio.Event()
        self._modern = version == "5"
        self._va_properties = json_properties(seconds=VA_EXPIRY) if self._modern else None
        self._properties = json_properties() if self._modern else None
        self._clock = EpochClock()
        self._fast = asyncio.Event()
        self._slow = asyncio.Event()
        self._asked: float | None = None
        # asyncio.wait_for may swallow a cancellation before Python 3.12, inside aiomqtt too.
        self._over = False

    @property
    def stalled(self) -> bool:
        """Whether the broker owes us an acknowledgement for too long."""
        return self._asked is not None and time.monotonic() - self._asked > STALLED

    def wake(self) -> None:
        """Say that something waits in a box."""
        self._fast.set()
        self._slow.set()

    def post(self, letter: OutgoingMessage) -> None:
        """Let a letter be sent, after those posted before."""
        self._letters.append(letter)
        self._posted.set()

    async def say(self, status: bytes) -> None:
        """Publish the status of this node, and wait until the broker has it."""
        await self._link.publish(self._topics.status, status, qos=1, retain=True)

    async def begin(self) -> None:
        """Say `online`, listen, announce the devices, and let the last states be sent again."""
        await self.say(ONLINE)
        for each in self._inbox.filters:
            codes = await self._link.subscribe(each, qos=1)
            if any(getattr(code, "value", code) >= _REFUSED for code in codes):
                logger.warning("the broker does not let us listen to %s; allow it", each)
        self._inbox.announce()
        self._repeat_states()

    async def run(self, stop: "asyncio.Future[Any]") -> None:
        """Send until `stop` is done.

        Raises
        ------
        aiomqtt.MqttError
            The connection is lost.
        """
        lanes = [
            asyncio.create_task(self._read(), name="mqtt-inbox"),
            asyncio.create_task(self._confirm(), name="mqtt-confirm"),
            asyncio.create_task(self._send_letters(), name="mqtt-letters"),
            asyncio.create_task(self._send_estimates(), name="mqtt-va"),
            asyncio.create_task(self._send_states(), name="mqtt-state"),
        ]
        # No TaskGroup: under Python 3.11 it leaves our task marked as being cancelled.
        try:
            await asyncio.wait([*lanes, stop], return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._over = True
            for lane in lanes:
                lane.cancel()
            ends = await asyncio.gather(*lanes, return_exceptions=True)
        for end in ends:
            if isinstance(end, Exception):
                raise end

    def _repeat_states(self) -> None:
        for box in self._boxes.values():
            box.republish_state()
        self.wake()

    async def _read(self) -> None:
        async for message in self._link.messages:
            self._inbox.take(message)
            if self._over:
                return

    async def _confirm(self) -> None:
        """Say that the broker forbids us to publish or to read, and when it does no longer."""
        inbox, forbidden = self._inbox, False
        while not self._over:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CONFIRMED_WITHIN):
                    await inbox.confirmed.wait()
            if not inbox.confirmed.is_set():
                forbidden = True
                logger.error(
                    "nothing that we publish comes back from the broker: its access control list "
                    "(ACL) seems to forbid it; allow this user to write and read %s/#",
                    self._topics.base,
                    extra={"cause": "acl"},
                )
                await self.say(ONLINE)
                continue
            if forbidden:
                logger.info("the broker lets us publish now")
            break
        if self._announces and not self._over:
            await self._confirm_devices()
        if not self._over:
            await asyncio.Event().wait()

    async def _confirm_devices(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CONFIRMED_WITHIN):
                await self._inbox.announced.wait()
                return
        logger.warning(
            "Home Assistant cannot find us: what announces the zones does not come back from the "
            "broker; allow this user to write and read %s, or set discovery = false in "
            "[home_assistant]",
            self._inbox.filters[-1],
            extra={"cause": "acl of discovery"},
        )

    async def _send_letters(self) -> None:
        while not self._over:
            await self._posted.wait()
            self._posted.clear()
            while self._letters and not self._over:
                letter = self._letters.popleft()
                properties = (letter.properties or self._properties) if self._modern else None
                await self._link.publish(
                    letter.topic,
                    letter.payload,
                    letter.qos,
                    retain=letter.retain,
                    properties=properties,
                )

    async def _send_estimates(self) -> None:
        while not self._over:
            await self._fast.wait()
            self._fast.clear()
            for zone, box in self._boxes.items():
                if (waiting := box.pop_estimate()) is not None:
                    await self._send_estimate(zone, box, *waiting)

    async def _send_estimate(
        self, zone: str, box: PendingMessages, seq: int, update: Update
    ) -> None:
        now = time.monotonic()
        latency = now - update.captured
        sent = False
        try:
            if latency > MAX_ESTIMATE_AGE_S:
                return
            payload = VA.from_update(update, seq=seq, epoch=self._clock.offset(), latency=latency)
            await self._link.publish(
                self._topics.va(zone), payload.to_json(), properties=self._va_properties
            )
            sent = True
        except ValidationError as error:
            self._complain(zone, error)
        finally:
            box.count(latency if sent else None)

    async def _send_states(self) -> None:
        due: float | None = None
        while not self._over:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._slow.wait(), due)
            self._slow.clear()
            due = None
            for zone, box in self._boxes.items():
                if (health := box.pop_health()) is not None:
                    await self._link.publish(
                        self._topics.health(zone), health.to_json(), properties=self._properties
                    )
                wait = box.seconds_until_state()
                if wait == 0 and (state := box.pop_state()) is not None:
                    await self._send_state(zone, *state)
                elif wait is not None:
                    due = wait if due is None else min(due, wait)

    async def _send_state(self, zone: str, update: Update, title: str | None) -> None:
        controls = self._boxes[zone].controls
        try:
            payload = State.from_update(
                update, epoch=self._clock.offset(), title=title, controls=controls
            )
        except ValidationError as error:
            self._complain(zone, error)
            return
        self._asked = time.monotonic()
        telling = asyncio.get_running_loop().call_later(STALLED, self._tell_stall)
        try:
            await self._link.publish(
                self._topics.state(zone),
                payload.to_json(),
                1,
                retain=True,
                properties=self._properties,
            )
        finally:
            telling.cancel()
        if self.stalled:
            logger.info("the broker answers again", extra={"cause": "no stall"})
        self._asked = None

    @staticmethod
    def _tell_stall() -> None:
        logger.warning(
            "the broker does not answer; until it does, estimates are left out",
            extra={"cause": "stall"},
        )

    def _complain(self, zone: str, error: ValidationError) -> None:
        fields = ", ".join(".".join(map(str, each["loc"])) for each in error.errors())
        logger.error("an update is not published, out of range: %s", fields, extra={"zone": zone})
