"""Live sound through `streamer run`, end to end: a microphone, a radio."""

import asyncio
import itertools
import time

import pytest

from tests.support.icecast import Icecast, SourceClient, encode
from tests.support.streamer_process import running_streamer

pytestmark = [pytest.mark.peer, pytest.mark.usefixtures("away")]

SECONDS = 5.0


async def follow(program):
    """Check that estimates come evenly, each soon after its sound."""
    begun = time.time()
    await asyncio.sleep(SECONDS)
    payloads = [payload for at, payload in program.estimates if at >= begun]
    assert len(payloads) == pytest.approx(10 * SECONDS, abs=3)
    for before, after in itertools.pairwise(payloads):
        assert after["seq"] == before["seq"] + 1
        assert after["ts"] - before["ts"] == pytest.approx(100, abs=60)
    delays = sorted(payload["latency_ms"] for payload in payloads)
    assert delays[0] > 0
    assert delays[len(delays) // 2] < 150
    assert program.health["gaps"] == 0
    assert program.health["state"] in ("ok", "warming")


async def test_a_microphone(pulse, stage):
    async with running_streamer("--input", "mic", "--device", "alpha") as program:
        await follow(program)
        assert program.health["source"] == "alpha, ALSA"


async def test_a_radio_that_bursts(tmp_path, music):
    server = Icecast(tmp_path)
    server.start()
    try:
        with SourceClient(server, encode(music(4, 44100), 44100), 4):
            async with running_streamer("--input", server.url()) as program:
                await follow(program)
                assert program.health["source"] == "Radio Loopback"
    finally:
        server.stop()
