"""Connect to a broker: cancellation, errors, MQTT version."""

import asyncio
import gc
import time

import aiomqtt
import pytest

from streamer.errors import BrokerError
from streamer.mqtt import BrokerAddress
from streamer.mqtt.client import BrokerConnector, check_connection

pytestmark = pytest.mark.peer


@pytest.mark.parametrize("pause", ["before", "after"])
def test_cancelling_a_connection_attempt_leaves_nothing_open(mosquitto, monkeypatch, pause):
    connect = aiomqtt.Client._client_connect

    def slow_connect(client):
        if pause == "before":
            time.sleep(0.3)
        connect(client)
        if pause == "after":
            time.sleep(0.3)

    monkeypatch.setattr(aiomqtt.Client, "_client_connect", slow_connect)

    async def connect_once():
        async with BrokerConnector(mosquitto.address).connect("test"):
            pass

    async def connect_and_cancel():
        task = asyncio.create_task(connect_once())
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        others = asyncio.all_tasks() - {asyncio.current_task()}
        assert all(other.cancelling() for other in others)

    asyncio.run(connect_and_cancel())
    gc.collect()  # an open socket would be a ResourceWarning, a late callback an error


class TestCheckConnection:
    @pytest.mark.parametrize("host", ["no-such-host.invalid", "x" * 70])
    async def test_an_unknown_host_is_named(self, host):
        with pytest.raises(BrokerError, match=f"mqtt://{host}:1883: unknown host"):
            await check_connection(BrokerAddress(host))

    async def test_a_program_that_hangs_up_is_not_a_broker(self):
        async def hang_up(reader, writer):
            await reader.read(1)
            writer.close()

        async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(BrokerError, match="it closed the connection; check that an MQTT"):
                await check_connection(BrokerAddress("127.0.0.1", port))

    async def test_a_broker_that_requires_a_password_is_one_line(self, launch):
        broker = launch("allow_anonymous false")
        for protocol in ("5", "3.1.1"):
            with pytest.raises(
                BrokerError, match=r"requires a valid user and password.*; set user in"
            ):
                await check_connection(broker.address, protocol=protocol)

    async def test_the_accepted_mqtt_version_is_returned(self, mosquitto):
        assert await check_connection(mosquitto.address) == "5"
        assert await check_connection(mosquitto.address, protocol="3.1.1") == "3.1.1"
