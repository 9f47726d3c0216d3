"""Publish estimates, states and the status to a real mosquitto, which may restart or hang."""

import asyncio
import itertools
import logging
import subprocess
import sys
import time

import aiomqtt
import jsonschema
import pytest

from streamer.config.models import Mqtt
from streamer.mqtt import BrokerAddress, Health, Publisher, json_schemas
from streamer.tracking import Affect

pytestmark = pytest.mark.peer

STATUS, VA, STATE, HEALTH = (
    f"streamer/test/{topic}" for topic in ("status", "main/va", "main/state", "main/health")
)


async def test_estimates_are_valid_and_states_are_limited_to_one_a_second(
    mosquitto, subscribe, publish
):
    async with subscribe(mosquitto.address) as seen, publish(mosquitto.address) as publisher:
        await seen.until(lambda: len(seen.on(VA)) >= 25)
        messages = seen.payloads(VA)
        for message in messages:
            jsonschema.validate(message, json_schemas()["va"])
        numbers = [message["seq"] for message in messages]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        seconds = (messages[-1]["ts"] - messages[0]["ts"]) / 1e3
        assert 2 <= len(seen.on(STATE)) <= seconds + 2
        for message in seen.payloads(STATE):
            jsonschema.validate(message, json_schemas()["state"])
        arrived = [when for when, message in seen.messages if str(message.topic) == VA]
        for when, message in zip(arrived, messages, strict=True):
            assert message["latency_ms"] >= 10
            assert message["ts"] / 1e3 + message["latency_ms"] / 1e3 <= when + 0.05
        assert publisher.latency("main").p50 >= 10
        counters = publisher.counters("main")
        assert counters.sent + counters.dropped <= counters.offered


async def test_quality_of_service_and_retained_flags(mosquitto, subscribe, publish):
    async with subscribe(mosquitto.address) as live, publish(mosquitto.address) as publisher:
        publisher.offer_health("main", Health(ts=1, state="ok", source="demo", uptime_s=0))
        await live.until(lambda: live.on(VA) and live.on(STATE) and live.on(HEALTH))
        assert {topic: live.on(topic)[0].qos for topic in (STATUS, VA, STATE, HEALTH)} == {
            STATUS: 1, VA: 0, STATE: 1, HEALTH: 0,
        }  # fmt: skip
        async with subscribe(mosquitto.address) as late:
            await late.until(lambda: late.on(VA))
            retained = {str(message.topic) for _, message in late.messages if message.retain}
            assert retained == {STATUS, STATE}


async def test_mqtt_5_messages_have_a_content_type_and_estimates_expire(
    mosquitto, subscribe, publish
):
    version = aiomqtt.ProtocolVersion.V5
    async with subscribe(mosquitto.address, version) as seen, publish(mosquitto.address):
        await seen.until(lambda: seen.on(VA) and seen.on(STATE))
        estimate, state = seen.on(VA)[0].properties, seen.on(STATE)[0].properties
        assert estimate.ContentType == state.ContentType == "application/json"
        assert 1 <= estimate.MessageExpiryInterval <= 3
        assert not hasattr(state, "MessageExpiryInterval")


async def test_the_status_is_online_at_the_start_and_offline_after_a_clean_stop(
    mosquitto, subscribe, publish
):
    async with subscribe(mosquitto.address) as seen:
        async with publish(mosquitto.address) as publisher:
            await publisher.wait_connected()
        await seen.until(lambda: "offline" in seen.texts(STATUS))
        assert seen.texts(STATUS) == ["online", "offline"]
        async with subscribe(mosquitto.address) as late:
            await late.until(lambda: late.on(STATUS))
            assert late.texts(STATUS) == ["offline"]


async def test_cancelling_publishes_offline(mosquitto, subscribe):
    publisher = Publisher(Mqtt(node="test"), mosquitto.address, zones=["main"])
    async with subscribe(mosquitto.address) as seen:
        task = asyncio.create_task(publisher.run())
        await publisher.wait_connected()
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        await seen.until(lambda: seen.texts(STATUS) == ["online", "offline"])


async def test_the_last_will_publishes_offline_for_a_killed_process(mosquitto, subscribe):
    program = (
        "import asyncio\n"
        "from streamer.config.models import Mqtt\n"
        "from streamer.mqtt import BrokerAddress, Publisher\n"
        f"address = BrokerAddress('127.0.0.1', {mosquitto.port})\n"
        "asyncio.run(Publisher(Mqtt(node='test'), address, zones=['main']).run())\n"
    )
    async with subscribe(mosquitto.address) as seen:
        process = subprocess.Popen([sys.executable, "-c", program])  # noqa: ASYNC220
        try:
            await seen.until(lambda: seen.texts(STATUS) == ["online"], 30)
        finally:
            process.kill()
            process.wait()
        await seen.until(lambda: seen.texts(STATUS) == ["online", "offline"])
        assert seen.on(STATUS)[-1].qos == 1


async def test_online_is_republished_after_an_old_session_publishes_offline(
    mosquitto, subscribe, publish
):
    async with subscribe(mosquitto.address) as seen, publish(mosquitto.address) as publisher:
        await publisher.wait_connected()
        async with aiomqtt.Client("127.0.0.1", mosquitto.port) as old:
            await old.publish(STATUS, b"offline", qos=1, retain=True)
        await seen.until(lambda: seen.texts(STATUS) == ["online", "offline", "online"])


async def test_it_reconnects_to_a_restarted_broker_and_publishes_nothing_stale(
    mosquitto, subscribe, publish, log
):
    log.set_level(logging.INFO)
    async with publish(mosquitto.address) as publisher:
        await publisher.wait_connected()
        mosquitto.kill()
        killed = time.monotonic()
        while publisher.connected:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert time.monotonic() - killed < 2
        await asyncio.sleep(1.5)
        before = publisher.counters("main")
        mosquitto.start()
        started = time.time()
        async with subscribe(mosquitto.address) as seen:
            await seen.until(lambda: seen.on(VA) and seen.on(STATE) and seen.on(STATUS))
            assert time.time() - started < 3
            await seen.until(lambda: len(seen.on(VA)) > 5)
            assert min(message["ts"] for message in seen.payloads(VA)) / 1e3 > started - 0.2
            assert set(seen.texts(STATUS)) == {"online"}
        assert publisher.reconnects == 1
        assert before.dropped >= 10
    warnings = [record.getMessage() for record in log.records if record.levelname == "WARNING"]
    assert len(warnings) == len(set(warnings)) <= 3
    assert any("nothing listens there; trying again" in line for line in warnings)


async def test_it_reconnects_to_a_broker_that_hung(mosquitto, subscribe, publish):
    async with publish(mosquitto.address) as publisher, subscribe(mosquitto.address) as seen:
        await seen.until(lambda: seen.on(VA))
        mosquitto.hang()
        hung = time.time()
        try:
            async with asyncio.timeout(8):
                while publisher.connected:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        finally:
            mosquitto.resume()
        resumed = time.time()
        await seen.until(lambda: seen.payloads(VA)[-1]["ts"] / 1e3 > resumed)
        times = [message["ts"] / 1e3 for message in seen.payloads(VA)]
        assert not [when for when in times if hung + 2.5 < when < resumed]
        await seen.until(lambda: seen.texts(STATUS)[-1] == "online")


async def test_an_unresponsive_broker_is_logged(mosquitto, publish, log):
    log.set_level(logging.INFO)

    def logged(text):
        return any(text in record.getMessage() for record in log.records)

    async with publish(mosquitto.address, keepalive=60) as publisher:
        await publisher.wait_connected()
        mosquitto.hang()
        try:
            async with asyncio.timeout(3):  # the timeout of aiomqtt
                while not logged("the broker does not respond"):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        finally:
            mosquitto.resume()
        async with asyncio.timeout(2):
            while not logged("the broker responds again"):  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_the_last_state_is_published_to_a_restarted_broker(
    mosquitto, subscribe, publish, update
):
    async with publish(mosquitto.address, feed=False) as publisher:
        await publisher.wait_connected()
        mosquitto.kill()
        publisher.offer_update("main", update(1, smooth=Affect(0.1, 0.2, 0.3, 0.4)))
        publisher.offer_update("main", update(2, smooth=Affect(-0.5, 0.2, 0.3, 0.4)))
        mosquitto.start()
        async with subscribe(mosquitto.address) as seen:
            await seen.until(lambda: seen.on(STATE))
            assert seen.payloads(STATE)[0]["valence"] == -0.5
            assert not seen.on(VA)


async def test_an_update_with_nan_is_skipped_and_logged_once(
    mosquitto, subscribe, publish, update, log
):
    invalid = Affect(float("nan"), 0.0, 0.1, 0.1)
    async with (
        subscribe(mosquitto.address) as seen,
        publish(mosquitto.address, feed=False) as publisher,
    ):
        await publisher.wait_connected()
        for tick in range(3):
            publisher.offer_update("main", update(tick, smooth=invalid))
            await asyncio.sleep(0.05)
        publisher.offer_update("main", update(3))
        await seen.until(lambda: seen.on(VA) and seen.on(STATE))
        assert [message["seq"] for message in seen.payloads(VA)] == [3]
    errors = [record for record in log.records if record.levelname == "ERROR"]
    assert [record.getMessage() for record in errors] == [
        "cannot publish an update: out of range: valence"
    ]


async def test_offering_does_not_block_and_only_the_newest_update_is_sent(
    mosquitto, subscribe, publish, update
):
    async with (
        subscribe(mosquitto.address) as seen,
        publish(mosquitto.address, feed=False) as publisher,
    ):
        await publisher.wait_connected()
        for tick in range(1000):
            publisher.offer_update("main", update(tick))
        await seen.until(lambda: seen.on(VA))
        assert [message["seq"] for message in seen.payloads(VA)] == [999]
        assert publisher.counters("main").dropped == 999


async def test_stopping_without_a_broker_takes_under_two_seconds(free_port, publish):
    async with publish(BrokerAddress("127.0.0.1", free_port)) as publisher:
        await asyncio.sleep(0.3)
        assert not publisher.connected
        started = time.monotonic()
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("shift", [-3600, 3600])
async def test_time_stamps_follow_a_jump_of_the_system_clock(
    mosquitto, subscribe, publish, monkeypatch, shift
):
    offset, system_time = 0.0, time.time
    monkeypatch.setattr("streamer.helpers.time.time", lambda: system_time() + offset)
    async with subscribe(mosquitto.address) as seen, publish(mosquitto.address):
        await seen.until(lambda: len(seen.on(VA)) >= 5)
        offset = shift
        before = len(seen.on(VA))
        await seen.until(lambda: len(seen.on(VA)) >= before + 10)
        payloads = seen.payloads(VA)
    sequence = [payload["seq"] for payload in payloads]
    assert sequence == list(range(sequence[0], sequence[0] + len(sequence)))
    assert max(payload["latency_ms"] for payload in payloads) < 500
    steps = [b["ts"] - a["ts"] for a, b in itertools.pairwise(payloads)]
    jumps = [step for step in steps if abs(step) > abs(shift) * 1e3 / 2]
    assert len(jumps) == 1
    assert jumps[0] == pytest.approx(shift * 1e3, abs=2000)
    assert all(step > 0 for step in steps if step not in jumps)
