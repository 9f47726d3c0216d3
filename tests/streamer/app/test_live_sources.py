"""Live sources through `streamer run`, end to end: a microphone and an Icecast stream."""

import asyncio
import itertools
import time

import pytest

from tests.support.icecast import Icecast, SourceClient, encode
from tests.support.streamer_process import running_streamer

pytestmark = [pytest.mark.peer, pytest.mark.usefixtures("away")]

SECONDS = 5.0


async def check_estimates(program):
    """Check that estimates rise in number and time, without a gap in the audio."""
    started = time.time()
    await asyncio.sleep(SECONDS)
    payloads = [payload for at, payload in program.estimates if at >= started]
    assert len(payloads) > SECONDS
    for before, after in itertools.pairwise(payloads):
        assert after["seq"] > before["seq"]
        assert after["ts"] > before["ts"]
    assert min(payload["latency_ms"] for payload in payloads) > 0
    assert program.health["gaps"] == 0
    assert program.health["state"] in ("ok", "warming", "degraded")


async def test_a_microphone_is_tracked(pulse, stage):
    async with running_streamer("--input", "mic", "--device", "alpha") as program:
        await check_estimates(program)
        assert program.health["source"] == "alpha, ALSA"


async def test_a_stream_that_starts_with_a_burst_is_tracked(tmp_path, music):
    server = Icecast(tmp_path)
    server.start()
    try:
        with SourceClient(server, encode(music(4, 44100), 44100), 4):
            async with running_streamer("--input", server.url()) as program:
                await check_estimates(program)
                assert program.health["source"] == "Radio Loopback"
    finally:
        server.stop()
