"""A replay over MQTT: `online`, the trajectory, `offline`, and nobody else at those topics."""

import asyncio
import contextlib
import signal
from collections.abc import Coroutine, Sequence
from typing import Any

import aiomqtt

from streamer.config.models import Mqtt
from streamer.errors import BrokerError, UsageError
from streamer.mqtt import Address, Publisher, Topics, open_broker
from streamer.mqtt.causes import explain
from streamer.mqtt.credentials import read_credentials
from streamer.mqtt.link import Dialler
from streamer.mqtt.sender import ONLINE
from streamer.outputs.recording.reader import Recording
from streamer.outputs.recording.replay import Offer, check_start, replay
from streamer.tracking.update import Update

_RETAINED_WITHIN = 0.5  # seconds in which a retained status follows a subscription


async def publish_replay(
    recording: Recording,
    config: Mqtt,
    offers: Sequence[Offer] = (),
    *,
    speed: float = 1.0,
    loop: bool = False,
    start: float = 0.0,
) -> None:
    """Publish a recording as `streamer run` would have, until its end, SIGINT or SIGTERM.

    Parameters
    ----------
    recording, speed, loop, start
        See `replay`.
    config
        The `[mqtt]` table.
    offers
        Called with each estimate beside the publisher: a view, lights.

    Raises
    ------
    UsageError
        Somebody is online at these topics, or there is nothing after `start`.
    StreamerError
        The broker cannot be had.
    """
    check_start(recording, start)
    async with open_broker(config, port=config.port) as address:
        await refuse_if_taken(config, address)
        publisher = Publisher(config, address, zones=[recording.zone])

        def offer(zone: str, update: Update) -> None:
            publisher.offer_update(zone, update)
            for also in offers:
                also(zone, update)

        async def play() -> None:
            await publisher.wait_connected()
            await replay(recording, offer, speed=speed, loop=loop, start=start)
            await _sent(publisher, recording.zone)

        publishing = asyncio.create_task(publisher.run())
        try:
            await _until_terminated(play())
        finally:
            await publisher.close()
            await publishing


async def refuse_if_taken(config: Mqtt, address: Address) -> None:
    """Refuse to publish where somebody is online.

    Raises
    ------
    UsageError
        Somebody is.
    BrokerError
        The broker cannot be asked.
    """
    credentials = read_credentials(config, address)
    dialler = Dialler(address, credentials, protocol=config.protocol)
    topics = Topics.of(config)
    try:
        async with dialler.dial("streamer-replay") as (link, _):
            await link.subscribe(topics.status, qos=1)
            taken = await _retained(link) == ONLINE
    except aiomqtt.MqttError as error:
        raise BrokerError(explain(error, address, user=credentials.user)) from None
    if taken:
        raise UsageError(
            f"somebody is online at {topics.base} already; stop that streamer, or "
            "give this one another name: --node NAME"
        )


async def _retained(link: aiomqtt.Client) -> object:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_RETAINED_WITHIN):
            async for message in link.messages:
                return message.payload
    return None


async def _sent(publisher: Publisher, zone: str) -> None:
    """Wait until what was offered is on its way, or for a second."""
    for _ in range(100):
        counters = publisher.counters(zone)
        if counters.sent + counters.dropped == counters.offered:
            return
        await asyncio.sleep(0.01)


async def _until_terminated(work: Coroutine[Any, Any, None]) -> None:
    """Do some work, which SIGTERM ends early; so does the interrupt, through asyncio."""
    task = asyncio.create_task(work)
    loop = asyncio.get_running_loop()
    with contextlib.suppress(NotImplementedError):  # Windows
        loop.add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        await asyncio.wait({task})
    finally:
        task.cancel()
        with contextlib.suppress(NotImplementedError):
            loop.remove_signal_handler(signal.SIGTERM)
    if not task.cancelled():
        task.result()
