"""Latency of each stage from audio to message, for a file and a microphone."""

import asyncio
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiomqtt
import numpy as np
from numpy.typing import NDArray

from benchmarks.figures import percentiles
from streamer.audio import open_source
from streamer.config import Mqtt, Tracking, Zone
from streamer.demo import PIECE
from streamer.engines import open_engine
from streamer.mqtt import BrokerAddress, Publisher
from streamer.tracking.batching import BatchingInference
from streamer.tracking.trajectory import Trajectory
from streamer.tracking.windows import WindowStream
from streamer.tracking.zone_status import ZoneStatus
from tests.support.mosquitto import Mosquitto
from tests.support.pulseaudio import RATE, MicrophonePlayer, PulseServer, recording
from training.sound.render import decode

STAGES = ("capture", "resampler", "views", "engine", "smoother", "network")
_ZONE = "main"
_SETTLING = 20  # updates
_TIMEOUT = 5.0  # s


def measure_stages(seconds: float = 60.0) -> dict[str, Any]:
    """Measure every stage of the pipeline, with a file and with a microphone.

    Returns
    -------
    dict
        By source and stage, milliseconds, `p50` and `p99`. "capture": from the end of a block's
        audio until the block arrives. "resampler": the newest audio of a block that its window
        does not hold yet, because of the filter and the boundaries of frames and ticks. "network":
        from the offer to the publisher until a subscriber has the message. "whole": the sum.
    """
    found = {}
    pulse = PulseServer(("alpha",))
    with tempfile.TemporaryDirectory() as folder, pulse.running():
        broker = Mosquitto(Path(folder))
        broker.start()
        try:
            found["file"] = asyncio.run(_measure(Zone(input="demo"), broker.address, seconds))
            pulse.plug_in("alpha")
            microphone = Zone(input="mic", device="alpha")
            with MicrophonePlayer(pulse.pipe("alpha"), recording(decode(PIECE, RATE))):
                found["microphone"] = asyncio.run(_measure(microphone, broker.address, seconds))
        finally:
            broker.kill()
    return found


async def _measure(zone: Zone, address: BrokerAddress, seconds: float) -> dict[str, Any]:
    tracking, engine = Tracking(), open_engine()
    spec = engine.front_end
    async with AsyncExitStack() as stack:
        inference = stack.enter_context(BatchingInference(engine))
        trajectory = Trajectory(
            spec.sample_rate, tracking.smoother, engine.smoothing, tracking.on_silence
        )
        publisher = Publisher(Mqtt(node="stages"), address, zones=[_ZONE])
        publishing = asyncio.create_task(publisher.run())
        stack.push_async_callback(publisher.close)
        await publisher.wait_connected()
        client = await stack.enter_async_context(aiomqtt.Client(address.host, address.port))
        await client.subscribe(f"{publisher.topics.base}/{_ZONE}/va")
        messages = aiter(client.messages)
        source = await stack.enter_async_context(open_source(zone))
        stream = WindowStream(source.rate, spec, tracking.rate)
        slot = stack.enter_context(inference.open_slot(ZoneStatus()))
        estimates = aiter(slot)
        timestamps: list[list[float]] = []
        started = time.monotonic()
        async for block in source.blocks():
            arrived = time.monotonic()
            if arrived - started > seconds:
                break
            windows = stream.push(block)
            framed = time.monotonic()
            source.wake_at = stream.next_tick_sample
            for window in windows[-1:]:
                slot.put(window)
                raw = (await anext(estimates)).affect
                assert raw is not None  # noqa: S101 - the engine failed otherwise
                inferred = time.monotonic()
                update = trajectory.step(window, raw)
                smoothed = time.monotonic()
                publisher.offer_update(_ZONE, update)
                async with asyncio.timeout(_TIMEOUT):
                    await anext(messages)
                ended = block.captured + len(block.samples) / source.rate
                timestamps.append(
                    [window.captured, ended, arrived, framed, inferred, smoothed, time.monotonic()]
                )
    await publishing
    return _milliseconds(np.diff(np.array(timestamps[_SETTLING:])))


def _milliseconds(steps: NDArray[np.float64]) -> dict[str, Any]:
    """Summarise durations (updates, 6), in the order resampler, capture, views, ..."""
    by_name = dict(zip(("resampler", "capture", *STAGES[2:]), 1e3 * steps.T, strict=True))
    columns = {name: by_name[name] for name in STAGES} | {"whole": 1e3 * steps.sum(axis=1)}
    return {name: percentiles(column) for name, column in columns.items()}


def show_stages(found: dict[str, Any]) -> None:
    """Print the measurement."""
    for source, stages in found.items():
        print(f"{source}, ms:      p50     p99")
        for name, one in stages.items():
            print(f"  {name:12} {one['p50']:7.2f} {one['p99']:7.2f}")
