"""`streamer doctor`: is everything there that `streamer run` needs, and what to do where it is not.

`examine` goes through sound, broker, engine, other outputs and the machine itself, in the order in
which people look for a fault; each subject has its module.
"""

from collections.abc import AsyncIterator

from streamer.config import Config
from streamer.doctor.audio_check import check_inputs, check_portaudio
from streamer.doctor.broker_check import examine_broker
from streamer.doctor.engine_check import examine_engine, examine_speed
from streamer.doctor.finding import Finding, Level
from streamer.doctor.outputs_check import examine_dashboard, examine_outputs, examine_storage
from streamer.engines import Engine

__all__ = ["Finding", "Level", "examine"]


async def examine(config: Config) -> AsyncIterator[Finding]:
    """Yield findings as they are made; none of them changes anything but the status topic."""
    async for finding in check_portaudio(config):
        yield finding
    async for finding in check_inputs(config):
        yield finding
    async for finding in examine_broker(config.mqtt):
        yield finding
    engine: Engine | None = None
    for finding, opened in examine_engine(config.engine):
        engine = opened or engine
        yield finding
    for finding in (*examine_outputs(config), *examine_storage()):
        yield finding
    async for finding in examine_dashboard(config):
        yield finding
    if engine is not None:
        yield examine_speed(engine, config.tracking)
