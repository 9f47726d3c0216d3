"""A replay over MQTT: `online`, the trajectory, `offline`, and nobody else at those topics."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from streamer.config.models import Mqtt
from streamer.errors import UsageError
from streamer.mqtt import Publisher, Topics, open_broker
from streamer.mqtt.subscriber import is_node_online
from streamer.outputs.recording.paced_replay import UpdateCallback, replay, validate_start
from streamer.outputs.recording.reader import Recording
from streamer.tracking.update import Update


async def publish_replay(
    recording: Recording,
    config: Mqtt,
    offers: Sequence[UpdateCallback] = (),
    beside: Sequence[Callable[[], Coroutine[Any, Any, None]]] = (),
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
    beside
        Done meanwhile, and cancelled at the end.

    Raises
    ------
    UsageError
        Somebody is online at these topics, or there is nothing after `start`.
    StreamerError
        The broker cannot be had.
    """
    validate_start(recording, start)
    async with open_broker(config, port=config.port) as address:
        if await is_node_online(config, address):
            raise UsageError(
                f"cannot publish to {Topics.from_config(config).base}: a streamer is online there; "
                "stop it, or choose another name: --node NAME"
            )
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
        doing = [asyncio.create_task(work()) for work in beside]
        try:
            await _until_terminated(play())
        finally:
            for task in doing:
                task.cancel()
            await asyncio.gather(*doing, return_exceptions=True)
            await publisher.close()
            await publishing


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
