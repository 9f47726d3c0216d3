"""`streamer forget`: a node that is gone leaves nothing behind."""

import asyncio

import aiomqtt
import pytest

from streamer.config.models import HomeAssistant

pytestmark = pytest.mark.peer


async def found(subscribe, address):
    """Every retained topic."""
    async with subscribe(address) as late:
        await asyncio.sleep(0.5)
        return {str(message.topic) for _, message in late.messages if message.retain}


async def test_nothing_of_it_stays_and_all_of_others(mosquitto, subscribe, publish, program):
    address, others = (
        mosquitto.address,
        {"streamer/tests/main/state", "homeassistant/x/config", "streamer/test/a/b/c"},
    )
    async with publish(address, home_assistant=HomeAssistant()) as publisher:
        await publisher.wait_connected()
        await asyncio.sleep(0.5)
        answer = await asyncio.to_thread(program, "forget", "--node", "test", "--broker", address)
        assert answer.code == 2
        assert "streamer/test is online; stop it first" in answer.err
    async with aiomqtt.Client(address.host, address.port) as client:
        for topic in others:
            await client.publish(topic, "{}", retain=True, qos=1)
    assert len(await found(subscribe, address)) == 6
    answer = await asyncio.to_thread(program, "forget", "--node", "test", "--broker", address)
    assert answer.code == 0
    assert answer.out.splitlines()[:3] == [
        "homeassistant/device/streamer_test/main/config",
        "streamer/test/main/state",
        "streamer/test/status",
    ]
    assert await found(subscribe, address) == others


def test_a_broker_that_is_not_there_is_told(streamer, free_port):
    answer = streamer("forget", "--broker", f"mqtt://127.0.0.1:{free_port}")
    assert answer.code == 1
    assert "nothing listens there" in answer.err
