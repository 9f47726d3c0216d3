"""`streamer forget` removes the retained messages of one node."""

import asyncio

import aiomqtt
import pytest

from streamer.config.models import HomeAssistant

pytestmark = pytest.mark.peer


async def retained_topics(subscribe, address):
    """Return every retained topic."""
    async with subscribe(address) as late:
        await asyncio.sleep(0.5)
        return {str(message.topic) for _, message in late.messages if message.retain}


async def test_the_nodes_messages_are_removed_and_all_others_stay(
    mosquitto, subscribe, publish, program
):
    address, others = (
        mosquitto.address,
        {"streamer/tests/main/state", "homeassistant/x/config", "streamer/test/a/b/c"},
    )
    async with publish(address, home_assistant=HomeAssistant()) as publisher:
        await publisher.wait_connected()
        await asyncio.sleep(0.5)
        answer = await asyncio.to_thread(program, "forget", "--node", "test", "--broker", address)
        assert answer.code == 2
        assert "cannot forget streamer/test: it is online; stop it first" in answer.err
    async with aiomqtt.Client(address.host, address.port) as client:
        for topic in others:
            await client.publish(topic, "{}", retain=True, qos=1)
    assert len(await retained_topics(subscribe, address)) == 6
    answer = await asyncio.to_thread(program, "forget", "--node", "test", "--broker", address)
    assert answer.code == 0
    assert answer.out.splitlines()[:3] == [
        "homeassistant/device/streamer_test/main/config",
        "streamer/test/main/state",
        "streamer/test/status",
    ]
    assert await retained_topics(subscribe, address) == others


def test_a_broker_that_is_not_running_is_an_error(streamer, free_port):
    answer = streamer("forget", "--broker", f"mqtt://127.0.0.1:{free_port}")
    assert answer.code == 1
    assert "nothing listens there" in answer.err
