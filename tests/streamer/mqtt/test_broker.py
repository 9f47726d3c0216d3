"""Choose the broker: a running one, or an embedded one that ends with the run."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys

import aiomqtt
import psutil
import pytest

from streamer.config.models import Mqtt
from streamer.errors import BrokerError
from streamer.mqtt import BrokerAddress, Publisher, broker, mosquitto, open_broker
from streamer.mqtt.broker import is_listening, run_embedded_broker
from streamer.mqtt.client import check_connection

pytestmark = pytest.mark.peer

STATUS, VA, STATE = (f"streamer/test/{topic}" for topic in ("status", "main/va", "main/state"))


async def until_port_closed(port, seconds=10):
    async with asyncio.timeout(seconds):
        while await is_listening(BrokerAddress("127.0.0.1", port)):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def never_taken(port):
    """Report the port as free, as if checked just before another process binds it."""


@pytest.fixture
def spawned(monkeypatch):
    """Child processes that were started, in order."""
    children = []
    spawn = mosquitto._spawn

    def spawn_and_record(command, log):
        children.append(spawn(command, log))
        return children[-1]

    monkeypatch.setattr(mosquitto, "_spawn", spawn_and_record)
    return children


async def test_a_broker_that_is_not_running_is_one_line(free_port):
    url = f"mqtt://127.0.0.1:{free_port}"
    with pytest.raises(BrokerError) as caught:
        async with open_broker(Mqtt(broker=url)):
            pass
    assert str(caught.value) == (
        f"cannot use the MQTT broker at {url}: nothing listens there; "
        "start the broker, correct the address, or use --broker embedded"
    )
    assert caught.value.exit_code == 1


async def test_a_running_broker_is_used(mosquitto):
    async with open_broker(Mqtt(broker=str(mosquitto.address))) as address:
        assert address == mosquitto.address


async def test_auto_uses_the_broker_on_this_machine(mosquitto):
    async with open_broker(Mqtt(), port=mosquitto.port) as address:
        assert address == BrokerAddress("localhost", mosquitto.port)


async def test_auto_embeds_a_broker_if_none_is_running(free_port):
    async with open_broker(Mqtt(), port=free_port) as address:
        assert address.embedded == "mosquitto"


@pytest.mark.parametrize("name", ["auto", "embedded"])
async def test_a_port_taken_by_another_program_is_named(name):
    async def hang_up(reader, writer):
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(BrokerError) as caught:
            async with open_broker(Mqtt(broker=name), port=port):
                pass
    assert f"{port}" in str(caught.value)
    assert "--broker mqtt://HOST[:PORT]" in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_mosquitto_runs_while_the_context_is_open(free_port, spawned):
    async with run_embedded_broker(free_port) as address:
        assert address == BrokerAddress("127.0.0.1", free_port, embedded="mosquitto")
        assert await check_connection(address) == "5"
    await until_port_closed(free_port)
    assert [child.returncode is not None for child in spawned] == [True]


@pytest.mark.parametrize("program", ["mosquitto", "amqtt"])
async def test_only_this_machine_can_connect(free_port, monkeypatch, program):
    if program == "amqtt":
        monkeypatch.setattr(broker, "find_mosquitto", lambda: None)
    async with run_embedded_broker(free_port):
        here = [c.laddr.ip for c in psutil.net_connections("inet") if c.laddr[1:] == (free_port,)]
    assert here
    assert set(here) <= {"127.0.0.1", "::1"}


async def test_offline_reaches_a_subscriber_before_the_broker_ends(free_port, subscribe, publish):
    async with contextlib.AsyncExitStack() as outer:
        async with run_embedded_broker(free_port) as address:
            # The subscriber outlives the broker and raises when the connection is lost.
            outer.enter_context(contextlib.suppress(aiomqtt.MqttError))
            seen = await outer.enter_async_context(subscribe(address))
            async with publish(address) as publisher:
                await publisher.wait_connected()
        await seen.until(lambda: seen.texts(STATUS) == ["online", "offline"])


async def test_a_child_that_ends_is_restarted(free_port, subscribe, publish, spawned):
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
async def test_the_child_ends_when_its_parent_is_killed(free_port):
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
    await until_port_closed(free_port)


async def test_of_two_started_at_once_one_runs_and_both_are_usable(
    free_port, monkeypatch, subscribe, publish
):
    monkeypatch.setattr(broker, "_raise_if_port_taken", never_taken)
    async with contextlib.AsyncExitStack() as first, contextlib.AsyncExitStack() as second:
        addresses = await asyncio.gather(
            first.enter_async_context(run_embedded_broker(free_port)),
            second.enter_async_context(run_embedded_broker(free_port)),
        )
        assert {address.embedded for address in addresses} == {"mosquitto", None}
        async with subscribe(addresses[0]) as seen, publish(addresses[1]):
            await seen.until(lambda: seen.on(VA))


async def test_a_broker_that_already_runs_is_used_and_left_running(mosquitto):
    async with run_embedded_broker(mosquitto.port) as address:
        assert address == mosquitto.address
    assert await check_connection(mosquitto.address) == "5"


async def test_a_mosquitto_that_does_not_start_is_one_line(free_port, monkeypatch):
    monkeypatch.setattr(mosquitto, "_CONFIG", "no_such_option {host} {port}\n")
    with pytest.raises(
        BrokerError, match=r"cannot start the embedded broker \(mosquitto\)"
    ) as caught:
        async with run_embedded_broker(free_port):
            pass
    assert "\n" not in str(caught.value)


async def test_without_a_broker_program_the_error_names_the_package(free_port, monkeypatch):
    monkeypatch.setattr(broker, "find_mosquitto", lambda: None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(BrokerError, match="apt install mosquitto"):
        async with run_embedded_broker(free_port):
            pass


class TestAmqtt:
    """Broker in this process, where mosquitto is not installed."""

    @pytest.fixture(autouse=True)
    def without_mosquitto(self, monkeypatch):
        pytest.importorskip("amqtt", reason="the extra 'broker' is not installed")
        monkeypatch.setattr(broker, "find_mosquitto", lambda: None)

    async def test_it_serves_mqtt_3_1_1(self, free_port, subscribe, publish):
        async with run_embedded_broker(free_port) as address:
            assert address.embedded == "amqtt"
            assert await check_connection(address) == "3.1.1"
            async with subscribe(address) as seen:
                async with publish(address):
                    await seen.until(lambda: len(seen.on(VA)) >= 3 and seen.on(STATE))
                await seen.until(lambda: seen.texts(STATUS) == ["online", "offline"])

    async def test_the_publisher_does_not_try_mqtt_5_first(self, free_port):
        async with run_embedded_broker(free_port) as address:
            publisher = Publisher(Mqtt(), address, zones=["main"])
            running = asyncio.create_task(publisher.run())
            await asyncio.wait_for(publisher.wait_connected(), 2.5)  # a refusal takes 3 s
            await publisher.close()
            await running

    async def test_a_refused_fixed_version_is_one_line(self, free_port):
        async with run_embedded_broker(free_port) as address:
            with pytest.raises(
                BrokerError, match='refuses this MQTT version; set protocol = "auto"'
            ):
                await check_connection(address, protocol="5")

    async def test_if_the_port_is_taken_meanwhile_that_broker_is_used(self, mosquitto, monkeypatch):
        monkeypatch.setattr(broker, "_raise_if_port_taken", never_taken)
        async with run_embedded_broker(mosquitto.port) as address:
            assert address == mosquitto.address
