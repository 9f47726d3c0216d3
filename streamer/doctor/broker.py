"""The broker, step by step."""

from collections.abc import AsyncIterator

from streamer.config import Mqtt
from streamer.doctor.finding import Finding
from streamer.errors import StreamerError
from streamer.mqtt.probe import probe


async def examine_broker(config: Mqtt) -> AsyncIterator[Finding]:
    """Yield each step on the way to the broker, up to the first that fails."""
    try:
        async for step in probe(config):
            yield Finding(
                f"broker: {step.name}", "ok" if step.ok else "fail", step.seen, step.advice
            )
    except StreamerError as error:
        yield Finding.of_error("broker", error)
