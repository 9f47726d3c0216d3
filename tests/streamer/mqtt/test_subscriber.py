"""Subscribe to the estimates of a zone at a real broker."""

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
async def subscribed(address, **options):
    """Run a subscriber to `main`; yield it and the list of its estimates."""
    config = Mqtt(**{"node": "test", "keepalive": 1, **options})
    subscriber = ZoneSubscriber(config, address, zone="main")
    received = []

    async def receive():
        async with contextlib.aclosing(aiter(subscriber)) as estimates:
            async for va in estimates:
                received.append(va)  # noqa: PERF401

    task = asyncio.create_task(receive())
    try:
        yield subscriber, received
    finally:
        task.cancel()
        await asyncio.wait({task})
    assert not subscriber.connected


async def wait_until(condition, seconds=10.0):
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def warnings(log):
    return [record.getMessage() for record in log.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("protocol", ["5", "3.1.1", "auto"])
async def test_published_estimates_are_received(mosquitto, publish, update, protocol):
    async with subscribed(mosquitto.address, protocol=protocol) as (subscriber, received):
        await wait_until(lambda: subscriber.connected)
        async with publish(mosquitto.address, feed=False) as publisher:
            await publisher.wait_connected()
            publisher.offer_update("main", update(1, smooth=Affect(-0.25, 0.75, 0.3, 0.4)))
            await wait_until(lambda: received)
    [va] = received
    assert (va.valence, va.arousal, va.valence_std, va.arousal_std) == (-0.25, 0.75, 0.3, 0.4)


async def test_invalid_payloads_are_skipped_and_each_cause_is_logged_once(mosquitto, log):
    invalid = [
        b"", b"{", b"\xff\x00", b"[]", b"null", payload(valence=2), payload(v=2), payload(extra=1),
        payload(arousal="high"), payload(valence=float("nan")),
        b" " * limits.MAX_ESTIMATE_BYTES + payload(),
    ]  # fmt: skip
    async with subscribed(mosquitto.address) as (subscriber, received):
        await wait_until(lambda: subscriber.connected)
        async with aiomqtt.Client("127.0.0.1", mosquitto.port) as client:
            for _ in range(3):
                for each in invalid:
                    await client.publish(TOPIC, each)
            await client.publish(TOPIC, payload(seq=7))
        await wait_until(lambda: received)
    assert [va.seq for va in received] == [7]
    lines = warnings(log)
    assert len(lines) == len(set(lines)) <= len(invalid)
    assert all(line.startswith(f"skipped a message on {TOPIC}: ") for line in lines)
    assert any(f"larger than {limits.MAX_ESTIMATE_BYTES} bytes" in line for line in lines)


async def test_retained_estimates_are_skipped(mosquitto):
    async with aiomqtt.Client("127.0.0.1", mosquitto.port) as client:
        await client.publish(TOPIC, payload(seq=1), retain=True)
        async with subscribed(mosquitto.address) as (subscriber, received):
            await wait_until(lambda: subscriber.connected)
            await client.publish(TOPIC, payload(seq=2))
            await wait_until(lambda: received)
        assert [va.seq for va in received] == [2]
        await client.publish(TOPIC, b"", retain=True)


async def test_it_reconnects_to_a_broker_that_was_killed(mosquitto, log):
    log.set_level(logging.INFO)
    async with subscribed(mosquitto.address) as (subscriber, received):
        await wait_until(lambda: subscriber.connected)
        mosquitto.kill()
        await wait_until(lambda: not subscriber.connected)
        await wait_until(lambda: any("nothing listens there" in line for line in warnings(log)))
        mosquitto.start()
        await wait_until(lambda: subscriber.connected)
        async with aiomqtt.Client("127.0.0.1", mosquitto.port) as client:
            await client.publish(TOPIC, payload())
        await wait_until(lambda: received)
    lines = warnings(log)
    assert len(lines) == len(set(lines)) <= 3
    assert all("trying again" in line for line in lines)


async def test_time_spent_connecting_does_not_reset_the_back_off(mosquitto, monkeypatch):
    mosquitto.kill()
    uptimes = []

    def next_delay(self, uptime=0.0):
        uptimes.append(uptime)
        return 0.01

    monkeypatch.setattr("streamer.helpers.Backoff.next_delay", next_delay)
    async with subscribed(mosquitto.address):
        await wait_until(lambda: len(uptimes) >= 3)
    assert max(uptimes) <= 0


async def test_it_waits_for_a_broker_that_is_not_running_yet(mosquitto, log):
    mosquitto.kill()
    async with subscribed(mosquitto.address) as (subscriber, _):
        await wait_until(lambda: any("nothing listens there" in line for line in warnings(log)))
        assert not subscriber.connected
        mosquitto.start()
        await wait_until(lambda: subscriber.connected)


async def test_a_hung_broker_is_noticed(mosquitto):
    async with subscribed(mosquitto.address) as (subscriber, _):
        await wait_until(lambda: subscriber.connected)
        mosquitto.hang()
        try:
            await wait_until(lambda: not subscriber.connected, 8)
        finally:
            mosquitto.resume()
        await wait_until(lambda: subscriber.connected, 10)
