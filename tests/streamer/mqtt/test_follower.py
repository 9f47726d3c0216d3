"""Following a zone, at a real broker."""

import asyncio
import contextlib
import json
import logging

import aiomqtt
import pytest

from streamer import limits
from streamer.config.models import Mqtt
from streamer.mqtt.payloads import VA, Point
from streamer.mqtt.subscriber import ZoneSubscriber
from streamer.tracking import Affect

pytestmark = pytest.mark.peer

TOPIC = "streamer/test/main/va"


def payload(**changes):
    message = VA(
        ts=1, seq=1, valence=0.1, arousal=0.2, valence_std=0.1, arousal_std=0.1,
        raw=Point(valence=0, arousal=0), silence=False, warm=1, latency_ms=1,
    )  # fmt: skip
    return json.dumps({**message.model_dump(), **changes}).encode()


@contextlib.asynccontextmanager
async def following(address, **options):
    """Collect what a follower of `main` yields."""
    follower = ZoneSubscriber(
        Mqtt(**{"node": "test", "keepalive": 1, **options}), address, zone="main"
    )
    seen = []

    async def follow():
        async with contextlib.aclosing(aiter(follower)) as estimates:
            async for va in estimates:
                seen.append(va)  # noqa: PERF401

    task = asyncio.create_task(follow())
    try:
        yield follower, seen
    finally:
        task.cancel()
        await asyncio.wait({task})
    assert not follower.connected


async def until(done, seconds=10.0):
    async with asyncio.timeout(seconds):
        while not done():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("protocol", ["5", "3.1.1", "auto"])
async def test_it_yields_what_a_publisher_says(mosquitto, publish, update, protocol):
    async with following(mosquitto.address, protocol=protocol) as (follower, seen):
        await until(lambda: follower.connected)
        async with publish(mosquitto.address, feed=False) as publisher:
            await publisher.wait_connected()
            publisher.offer_update("main", update(1, smooth=Affect(-0.25, 0.75, 0.3, 0.4)))
            await until(lambda: seen)
    [va] = seen
    assert (va.valence, va.arousal, va.valence_std, va.arousal_std) == (-0.25, 0.75, 0.3, 0.4)


async def test_what_is_no_estimate_is_left_out_and_told_once(mosquitto, log):
    bad = [
        b"", b"{", b"\xff\x00", b"[]", b"null", payload(valence=2), payload(v=2), payload(extra=1),
        payload(arousal="high"), payload(valence=float("nan")),
        b" " * limits.MAX_ESTIMATE_BYTES + payload(),
    ]  # fmt: skip
    async with following(mosquitto.address) as (follower, seen):
        await until(lambda: follower.connected)
        async with aiomqtt.Client("127.0.0.1", mosquitto.port) as client:
            for _ in range(3):
                for each in bad:
                    await client.publish(TOPIC, each)
            await client.publish(TOPIC, payload(seq=7))
        await until(lambda: seen)
    assert [va.seq for va in seen] == [7]
    told = [record.getMessage() for record in log.records if record.levelno >= logging.WARNING]
    assert len(told) == len(set(told)) <= len(bad)
    assert all(line.startswith(f"skipped a message on {TOPIC}: ") for line in told)
    assert any(f"larger than {limits.MAX_ESTIMATE_BYTES} bytes" in line for line in told)


async def test_what_somebody_retained_is_not_followed(mosquitto):
    async with aiomqtt.Client("127.0.0.1", mosquitto.port) as client:
        await client.publish(TOPIC, payload(seq=1), retain=True)
        async with following(mosquitto.address) as (follower, seen):
            await until(lambda: follower.connected)
            await client.publish(TOPIC, payload(seq=2))
            await until(lambda: seen)
        assert [va.seq for va in seen] == [2]
        await client.publish(TOPIC, b"", retain=True)


async def test_a_broker_that_goes_is_found_again(mosquitto, log):
    log.set_level(logging.INFO)
    async with following(mosquitto.address) as (follower, seen):
        await until(lambda: follower.connected)
        mosquitto.kill()
        await until(lambda: not follower.connected)
        await asyncio.sleep(1)
        mosquitto.start()
        await until(lambda: follower.connected, 5)
        async with aiomqtt.Client("127.0.0.1", mosquitto.port) as client:
            await client.publish(TOPIC, payload())
        await until(lambda: seen)
    told = [record.getMessage() for record in log.records if record.levelname == "WARNING"]
    assert len(told) == len(set(told)) <= 3
    assert all("trying again" in line for line in told)


async def test_it_waits_for_a_broker_that_is_not_there_yet(mosquitto):
    mosquitto.kill()
    async with following(mosquitto.address) as (follower, _):
        await asyncio.sleep(0.3)
        assert not follower.connected
        mosquitto.start()
        await until(lambda: follower.connected, 5)


async def test_a_broker_that_hangs_is_noticed(mosquitto):
    async with following(mosquitto.address) as (follower, _):
        await until(lambda: follower.connected)
        mosquitto.hang()
        try:
            await until(lambda: not follower.connected, 8)
        finally:
            mosquitto.resume()
        await until(lambda: follower.connected, 10)
