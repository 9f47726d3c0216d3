"""Follows what another process says of a zone, whatever becomes of the broker."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator

import aiomqtt
from pydantic import ValidationError

from streamer import limits
from streamer.config.models import Mqtt
from streamer.helpers import Backoff
from streamer.mqtt.broker_address import Address
from streamer.mqtt.client import Dialler
from streamer.mqtt.connection_errors import cause_of
from streamer.mqtt.payloads import VA
from streamer.mqtt.topics import Topics, default_node

logger = logging.getLogger(__name__)


class Follower:
    """The estimates of one zone, as they come; it stays subscribed for ever.

    Nothing that happens to the broker is raised: it is logged, one line for each cause, and the
    broker is tried again. A payload that is no estimate is left out, with one line too.

    Parameters
    ----------
    config
        The `[mqtt]` table.
    address
        Where the broker is.
    zone
        Whose estimates.

    Attributes
    ----------
    topics
        The topics in use.
    connected
        Whether the broker is there and we are subscribed; None while it is tried for the first
        time.

    Raises
    ------
    ConfigError
        The credentials cannot be read.

    Examples
    --------
    ::

        follower = Follower(config.mqtt, address, zone="main")
        async with contextlib.aclosing(aiter(follower)) as estimates:
            async for va in estimates:
                print(va.valence, va.arousal)
    """

    def __init__(self, config: Mqtt, address: Address, *, zone: str) -> None:
        self.topics = Topics.of(config)
        self.connected: bool | None = None
        self._zone = zone
        self._name = f"streamer-follower-{config.node or default_node()}"
        self._address = address
        self._dialler = Dialler.of(config, address)

    @property
    def address(self) -> Address:
        """Where the broker is."""
        return self._address

    async def __aiter__(self) -> AsyncGenerator[VA, None]:
        """Yield each estimate; ends only by being closed or cancelled."""
        backoff = Backoff()
        trouble = ""
        while True:
            begun = time.monotonic()
            try:
                async with self._dialler.dial(self._name) as (link, version):
                    await link.subscribe(self.topics.va(self._zone), qos=0)
                    _heed_cancelling()
                    self.connected = True
                    where = (self.topics.va(self._zone), self._address, version)
                    cause = {"cause": f"connected after: {trouble}"}
                    logger.info("following %s at %s (MQTT %s)", *where, extra=cause)
                    async for message in link.messages:
                        if (estimate := self._read(message)) is not None:
                            yield estimate
            except (aiomqtt.MqttError, OSError) as error:
                trouble = cause_of(error)
                logger.warning("MQTT broker at %s: %s; trying again", self._address, trouble)
            finally:
                self.connected = False
            await asyncio.sleep(backoff.delay(time.monotonic() - begun))

    def _read(self, message: aiomqtt.Message) -> VA | None:
        """Return the estimate in a message, None where there is none."""
        payload = message.payload
        if not isinstance(payload, bytes):
            return None
        if message.retain:
            return None  # somebody kept it: it may be of last week
        if len(payload) > limits.MAX_ESTIMATE_BYTES:
            self._skip(f"larger than {limits.MAX_ESTIMATE_BYTES} bytes")
            return None
        try:
            return VA.model_validate_json(payload)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"]))
            self._skip(f"{where}: {first['msg']}" if where else first["msg"])
            return None

    def _skip(self, reason: str) -> None:
        topic = self.topics.va(self._zone)
        cause = {"cause": reason}
        logger.warning("a message on %s is left out: %s", topic, reason, extra=cause)


def _heed_cancelling() -> None:
    """Be cancelled where `asyncio.wait_for` swallowed that, as it may before Python 3.12."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
