"""Checks of `streamer doctor`: set-up problems, each with its remedy.

`run_checks` checks inputs, broker, engine, other outputs and the machine, in the order in which
people look for a fault. Each subject has a module.
"""

from collections.abc import AsyncIterator

from streamer.config import Config
from streamer.doctor.audio_check import check_inputs, check_portaudio
from streamer.doctor.broker_check import check_broker
from streamer.doctor.engine_check import check_engine, check_speed
from streamer.doctor.finding import Finding, Level
from streamer.doctor.outputs_check import check_cache, check_dashboard, check_outputs
from streamer.engines import Engine

__all__ = ["Finding", "Level", "run_checks"]


async def run_checks(config: Config) -> AsyncIterator[Finding]:
    """Run all checks and yield their findings; only the MQTT status topic is changed."""
    async for finding in check_portaudio(config):
        yield finding
    async for finding in check_inputs(config):
        yield finding
    async for finding in check_broker(config.mqtt):
        yield finding
    engine: Engine | None = None
    for finding, opened in check_engine(config.engine):
        engine = opened or engine
        yield finding
    for finding in (*check_outputs(config), *check_cache()):
        yield finding
    async for finding in check_dashboard(config):
        yield finding
    if engine is not None:
        yield check_speed(engine, config.tracking)
