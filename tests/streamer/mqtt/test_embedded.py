import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time

import aiomqtt
import psutil
import pytest

from streamer.config.models import Mqtt
from streamer.errors import BrokerError
from streamer.mqtt import BrokerAddress, Publisher, mosquitto, open_broker
from streamer.mqtt import broker as broker_module
from streamer.mqtt.broker import is_listening, run_embedded_broker
from streamer.mqtt.client import check_connection

pytestmark = pytest.mark.peer

STATUS, VA, STATE = (f"streamer/test/{topic}" for topic in ("status", "main/va", "main/state"))


async def until_silent(port, seconds=10):
    async with asyncio.timeout(seconds):
        while await is_listening(BrokerAddress("127.0.0.1", port)):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


@pytest.fixture
def spawned(monkeypatch):
    """The children that were started, in order."""
    children = []
    spawn = mosquitto._spawn

    def spawn_and_note(command, log):
        children.append(spawn(command, log))
        return children[-1]

    monkeypatch.setattr(mosquitto, "_spawn", spawn_and_note)
    return children


async def test_mosquitto_serves_for_the_length_of_the_context(free_port, spawned):
    async with run_embedded_broker(free_port) as address:
        assert address == BrokerAddress("127.0.0.1", free_port, embedded="mosquitto")
        assert await check_connection(address) == "5"
    await until_silent(free_port)
    assert [child.returncode is not None for child in spawned] == [True]


@pytest.mark.parametrize("program", ["mosquitto", "amqtt"])
async def test_it_can_be_reached_from_this_machine_alone(free_port, monkeypatch, program):
    if program == "amqtt":
        monkeypatch.setattr(broker_module, "find_mosquitto", lambda: None)
    async with run_embedded_broker(free_port):
        here = [c.laddr.ip for c in psutil.net_connections("inet") if c.laddr[1:] == (free_port,)]
    assert here
    assert set(here) <= {"127.0.0.1", "::1"}


async def test_offline_reaches_a_subscriber_before_the_broker_ends(free_port, subscribe, publish):
    async with contextlib.AsyncExitStack() as outer:
        async with run_embedded_broker(free_port) as address:
            # The subscriber outlives the broker, whose end it hears of as an error.
            outer.enter_context(contextlib.suppress(aiomqtt.MqttError))
            seen = await outer.enter_async_context(subscribe(address))
            async with publish(address) as publisher:
                await publisher.wait_connected()
        await seen.until(lambda: seen.texts(STATUS) == ["online", "offline"])


async def test_a_child_that_ends_is_started_again(free_port, subscribe, publish, spawned):
    async with run_embedded_broker(free_port) as address, publish(address) as publisher:
        await publisher.wait_connected()
        spawned[0].kill()
        async with asyncio.timeout(10):
            while not publisher.reconnects:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        async with subscribe(address) as seen:
            await seen.until(lambda: seen.on(VA))
    assert len(spawned) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="sessions are POSIX")
async def test_ctrl_c_in_the_terminal_does_not_reach_the_child(free_port, spawned):
    async with run_embedded_broker(free_port):
        assert os.getsid(spawned[0].pid) != os.getsid(0)


@pytest.mark.skipif(sys.platform != "linux", reason="setpriv is for Linux")
async def test_the_child_ends_when_we_are_killed(free_port):
    program = (
        "import asyncio\n"
        "from streamer.mqtt.broker import run_embedded_broker\n"
        "async def main():\n"
        f"    async with run_embedded_broker({free_port}):\n"
        "        print('up', flush=True)\n"
        "        await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=subprocess.PIPE
    )
    try:
        assert await asyncio.wait_for(process.stdout.readline(), 30) == b"up\n"
    finally:
        process.send_signal(signal.SIGKILL)
        await process.communicate()
    await until_silent(free_port)


async def test_of_two_at_once_one_serves_and_both_are_served(
    free_port, monkeypatch, subscribe, publish
):
    async def free(port):
        """See a free port, as one does who looks just before the other binds."""

    monkeypatch.setattr(broker_module, "_raise_if_port_taken", free)
    async with contextlib.AsyncExitStack() as first, contextlib.AsyncExitStack() as second:
        addresses = await asyncio.gather(
            first.enter_async_context(run_embedded_broker(free_port)),
            second.enter_async_context(run_embedded_broker(free_port)),
        )
        assert {address.embedded for address in addresses} == {"mosquitto", None}
        async with subscribe(addresses[0]) as seen, publish(addresses[1]):
            await seen.until(lambda: seen.on(VA))


async def test_a_broker_that_is_there_is_used_and_left_alone(mosquitto):
    async with run_embedded_broker(mosquitto.port) as address:
        assert address == mosquitto.address
    assert await check_connection(mosquitto.address) == "5"


@pytest.mark.parametrize("broker", ["auto", "embedded"])
async def test_a_port_taken_by_something_else_is_named(broker):
    async def hang_up(reader, writer):
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(BrokerError) as caught:
            async with open_broker(Mqtt(broker=broker), port=port):
                pass
    assert f"{port}" in str(caught.value)
    assert "--broker mqtt://HOST[:PORT]" in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_auto_takes_the_broker_of_this_machine(mosquitto):
    async with open_broker(Mqtt(), port=mosquitto.port) as address:
        assert address == BrokerAddress("localhost", mosquitto.port)


async def test_auto_embeds_one_where_nothing_listens(free_port):
    async with open_broker(Mqtt(), port=free_port) as address:
        assert address.embedded == "mosquitto"


async def test_a_mosquitto_that_does_not_start_is_one_clear_line(free_port, monkeypatch):
    monkeypatch.setattr(mosquitto, "_CONFIG", "no_such_option {host} {port}\n")
    with pytest.raises(BrokerError, match="the embedded mosquitto did not start") as caught:
        async with run_embedded_broker(free_port):
            pass
    assert "\n" not in str(caught.value)


async def test_without_any_program_it_says_what_to_install(free_port, monkeypatch):
    monkeypatch.setattr(broker_module, "find_mosquitto", lambda: None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(BrokerError, match="apt install mosquitto"):
        async with run_embedded_broker(free_port):
            pass


class TestAmqtt:
    """The broker inside this process, where mosquitto is not installed."""

    @pytest.fixture(autouse=True)
    def without_mosquitto(self, monkeypatch):
        pytest.importorskip("amqtt", reason="the extra 'broker' is not installed")
        monkeypatch.setattr(broker_module, "find_mosquitto", lambda: None)

    async def test_it_serves_in_the_older_version(self, free_port, subscribe, publish):
        async with run_embedded_broker(free_port) as address:
            assert address.embedded == "amqtt"
            assert await check_connection(address) == "3.1.1"
            begun = time.monotonic()
            async with subscribe(address) as seen:
                async with publish(address):
                    await seen.until(lambda: len(seen.on(VA)) >= 3 and seen.on(STATE))
                    assert time.monotonic() - begun < 5
                await seen.until(lambda: seen.texts(STATUS) == ["online", "offline"])

    async def test_nobody_waits_for_a_version_that_it_does_not_know(self, free_port):
        async with run_embedded_broker(free_port) as address:
            publisher = Publisher(Mqtt(), address, zones=["main"])
            running = asyncio.create_task(publisher.run())
            await asyncio.wait_for(publisher.wait_connected(), 2.5)
            await publisher.close()
            await running

    async def test_a_fixed_version_that_it_refuses_is_one_clear_line(self, free_port):
        async with run_embedded_broker(free_port) as address:
            with pytest.raises(
                BrokerError, match='refuses this MQTT version; set protocol = "auto"'
            ):
                await check_connection(address, protocol="5")

    async def test_a_port_that_is_taken_meanwhile_leads_to_its_broker(self, mosquitto, monkeypatch):
        async def free(port):
            pass

        monkeypatch.setattr(broker_module, "_raise_if_port_taken", free)
        async with run_embedded_broker(mosquitto.port) as address:
            assert address == mosquitto.address
