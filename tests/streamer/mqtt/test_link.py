import asyncio
import gc
import time

import aiomqtt
import pytest

from streamer.mqtt.client import BrokerConnector

pytestmark = pytest.mark.peer


@pytest.mark.parametrize("pause", ["before", "after"])
def test_being_cancelled_while_it_connects_leaves_nothing_open(mosquitto, monkeypatch, pause):
    connect = aiomqtt.Client._client_connect

    def slow(client):
        if pause == "before":
            time.sleep(0.3)
        connect(client)
        if pause == "after":
            time.sleep(0.3)

    monkeypatch.setattr(aiomqtt.Client, "_client_connect", slow)

    async def dial_and_give_up():
        task = asyncio.create_task(dial())
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        others = asyncio.all_tasks() - {asyncio.current_task()}
        assert all(other.cancelling() for other in others)

    async def dial():
        async with BrokerConnector(mosquitto.address).connect("test"):
            pass

    asyncio.run(dial_and_give_up())
    gc.collect()  # an open socket would be a ResourceWarning, a late callback an error
