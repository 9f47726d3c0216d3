"""Subscribe to a zone's estimates, and read or remove a broker's retained messages."""

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import AsyncGenerator, Iterable

import aiomqtt
from pydantic import ValidationError

from streamer import limits
from streamer.config.models import Mqtt
from streamer.errors import BrokerError
from streamer.helpers import Backoff
from streamer.mqtt.broker_address import BrokerAddress
from streamer.mqtt.client import BrokerConnector
from streamer.mqtt.connection_errors import describe_failure, failure_cause
from streamer.mqtt.payloads import VA
from streamer.mqtt.topics import ONLINE, Topics, default_node

RETAINED_TIMEOUT = 0.7
"""Seconds to wait for retained messages after a subscription; a broker sends them at once."""

logger = logging.getLogger(__name__)


class ZoneSubscriber:
    """Estimates of one zone as an endless async iterator that reconnects by itself.

    Connection failures are logged and retried, never raised. Payloads that are not estimates are
    skipped and logged.

    Parameters
    ----------
    config
        The `[mqtt]` table.
    address
        Address of the broker.
    zone
        Name of the zone.

    Attributes
    ----------
    topics
        Topics of the node.
    connected
        Whether the subscription is active; None during the first attempt to connect.

    Raises
    ------
    ConfigError
        The credentials cannot be read.

    Examples
    --------
    ::

        subscriber = ZoneSubscriber(config.mqtt, address, zone="main")
        async with contextlib.aclosing(aiter(subscriber)) as estimates:
            async for va in estimates:
                print(va.valence, va.arousal)
    """

    def __init__(self, config: Mqtt, address: BrokerAddress, *, zone: str) -> None:
        self.topics = Topics.from_config(config)
        self.connected: bool | None = None
        self._topic = self.topics.va(zone)
        self._client_name = f"streamer-subscriber-{config.node or default_node()}"
        self._address = address
        self._connector = BrokerConnector.from_config(config, address)

    @property
    def address(self) -> BrokerAddress:
        """Address of the broker."""
        return self._address

    async def __aiter__(self) -> AsyncGenerator[VA, None]:
        """Yield each estimate; end only when closed or cancelled."""
        backoff = Backoff()
        last_error = ""
        while True:
            subscribed_at = math.inf
            try:
                async with self._connector.connect(self._client_name) as (client, version):
                    await client.subscribe(self._topic, qos=0)
                    _raise_if_cancelled()
                    subscribed_at = time.monotonic()
                    self.connected = True
                    cause = {"cause": f"connected after: {last_error}"}
                    logger.info(
                        "subscribed to %s at %s (MQTT %s)",
                        self._topic,
                        self._address,
                        version,
                        extra=cause,
                    )
                    async for message in client.messages:
                        if (estimate := self._parse(message)) is not None:
                            yield estimate
            except (aiomqtt.MqttError, OSError) as error:
                last_error = failure_cause(error)
                logger.warning("MQTT broker at %s: %s; trying again", self._address, last_error)
            finally:
                self.connected = False
            await asyncio.sleep(backoff.next_delay(time.monotonic() - subscribed_at))

    def _parse(self, message: aiomqtt.Message) -> VA | None:
        """Return the estimate in a message; None if it is retained (of unknown age) or invalid."""
        payload = message.payload
        if not isinstance(payload, bytes) or message.retain:
            return None
        if len(payload) > limits.MAX_ESTIMATE_BYTES:
            self._log_skipped(f"larger than {limits.MAX_ESTIMATE_BYTES} bytes")
            return None
        try:
            return VA.model_validate_json(payload)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            field = ".".join(map(str, first["loc"]))
            self._log_skipped(f"{field}: {first['msg']}" if field else first["msg"])
            return None

    def _log_skipped(self, reason: str) -> None:
        logger.warning("skipped a message on %s: %s", self._topic, reason, extra={"cause": reason})


async def read_retained(
    config: Mqtt, address: BrokerAddress, filters: Iterable[str], *, remove: bool = False
) -> dict[str, bytes]:
    """Return the retained payloads that match the topic filters, by topic.

    Parameters
    ----------
    config
        The `[mqtt]` table.
    address
        Address of the broker.
    filters
        Topic filters, with wildcards.
    remove
        Also remove the messages from the broker.

    Raises
    ------
    BrokerError
        The broker cannot be reached, or refuses the connection.
    """
    connector = BrokerConnector.from_config(config, address)
    try:
        async with connector.connect("streamer-retained") as (client, _):
            for topic_filter in filters:
                await client.subscribe(topic_filter, qos=1)
            found = await _receive_retained(client)
            for topic in found if remove else ():
                await client.publish(topic, b"", qos=1, retain=True)
            return found
    except aiomqtt.MqttError as error:
        user = connector.credentials.user
        raise BrokerError(describe_failure(error, address, user=user)) from error


async def is_node_online(config: Mqtt, address: BrokerAddress) -> bool:
    """Return whether a streamer with the configured base topic is online.

    Raises
    ------
    BrokerError
        The broker cannot be reached, or refuses the connection.
    """
    status = Topics.from_config(config).status
    return (await read_retained(config, address, [status])).get(status) == ONLINE


async def _receive_retained(client: aiomqtt.Client) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(RETAINED_TIMEOUT):
            async for message in client.messages:
                if message.retain and isinstance(message.payload, bytes):
                    found[str(message.topic)] = message.payload
                if len(found) >= limits.MAX_RETAINED_MESSAGES:
                    break
    return found


def _raise_if_cancelled() -> None:
    """Raise a cancellation that `asyncio.wait_for` swallowed, as it may before Python 3.12."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
