"""Publish a recording over MQTT, unless a streamer is online on the same topics."""

import asyncio
import contextlib
import signal
from collections.abc import Coroutine, Sequence
from typing import Any

from streamer.config.models import Mqtt
from streamer.errors import UsageError
from streamer.mqtt import Publisher, Topics, open_broker
from streamer.mqtt.subscriber import is_node_online
from streamer.outputs.recording.paced_replay import replay, validate_start
from streamer.outputs.recording.reader import Recording
from streamer.outputs.sink import Sink
from streamer.tracking.update import Update


async def publish_replay(
    recording: Recording,
    config: Mqtt,
    sinks: Sequence[Sink] = (),
    *,
    speed: float = 1.0,
    loop: bool = False,
    start: float = 0.0,
) -> None:
    """Publish a recording as `streamer run` did, until its end, SIGINT or SIGTERM.

    Parameters
    ----------
    recording, speed, loop, start
        See `replay`.
    config
        The `[mqtt]` table.
    sinks
        Outputs beside MQTT, such as lights.

    Raises
    ------
    UsageError
        A streamer is online on these topics, or the recording ends before `start`.
    StreamerError
        The broker cannot be reached or started.
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
            for sink in (publisher, *sinks):
                sink.offer_update(zone, update)

        async def play() -> None:
            await publisher.wait_connected()
            await replay(recording, offer, speed=speed, loop=loop, start=start)
            await _wait_until_sent(publisher, recording.zone)

        publishing = asyncio.create_task(publisher.run())
        background = [asyncio.create_task(sink.run()) for sink in sinks]
        try:
            await _run_until_terminated(play())
        finally:
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
            await publisher.close()
            await publishing


async def _wait_until_sent(publisher: Publisher, zone: str) -> None:
    """Wait until every offered estimate is sent or dropped, at most a second."""
    for _ in range(100):
        counters = publisher.counters(zone)
        if counters.sent + counters.dropped == counters.offered:
            return
        await asyncio.sleep(0.01)


async def _run_until_terminated(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine; SIGTERM cancels it, as SIGINT does through asyncio."""
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
