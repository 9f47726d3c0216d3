import asyncio

import pytest

from streamer.config.models import Mqtt
from streamer.errors import BrokerError, ConfigError
from streamer.mqtt import BrokerAddress, open_broker
from streamer.mqtt.broker_address import explicit_broker_address, parse_broker_address
from streamer.mqtt.client import check_connection


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("mqtt://broker.lan", BrokerAddress("broker.lan", 1883)),
        ("mqtt://10.0.0.7:1884/", BrokerAddress("10.0.0.7", 1884)),
        ("mqtt://[::1]:1885", BrokerAddress("::1", 1885)),
        ("mqtts://broker.lan", BrokerAddress("broker.lan", 8883, tls=True)),
        ("mqtts://broker.lan:1883", BrokerAddress("broker.lan", 1883, tls=True)),
    ],
)
def test_addresses_are_read(url, address):
    assert parse_broker_address(url) == address
    assert parse_broker_address(str(address)) == address


@pytest.mark.parametrize(
    "url",
    ["broker.lan", "localhost:1883", "ws://broker.lan", "http://broker.lan", "mqtt://",
     "mqtt://host:99999", "mqtt://host:port", "mqtt://host:0", "mqtt://host/topic",
     "mqtt://user:secret@host", "mqtt://user:sec/secret@host", "user:secret@host",
     "mqtt://user:secret://x@host",
     "mqtts://user:secret@host:99999", "mqtt://[::1", ""],
)  # fmt: skip
def test_other_forms_are_one_line_that_says_what_to_write(url):
    with pytest.raises(ConfigError, match=r"write mqtt://HOST\[:PORT\]") as caught:
        parse_broker_address(url)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("broker", ["auto", "embedded"])
def test_auto_and_embedded_name_no_address(broker):
    assert explicit_broker_address(Mqtt(broker=broker)) is None


async def test_a_broker_that_is_not_there_is_one_clear_line(free_port):
    url = f"mqtt://127.0.0.1:{free_port}"
    with pytest.raises(BrokerError) as caught:
        async with open_broker(Mqtt(broker=url)):
            pass
    assert str(caught.value) == (
        f"cannot use the MQTT broker at {url}: nothing listens there; "
        "start the broker, correct the address, or use --broker embedded"
    )
    assert caught.value.exit_code == 1


@pytest.mark.parametrize("host", ["no-such-host.invalid", "x" * 70])
async def test_an_unknown_host_is_named(host):
    with pytest.raises(BrokerError, match=f"mqtt://{host}:1883: unknown host"):
        await check_connection(BrokerAddress(host))


async def test_a_program_that_hangs_up_is_no_broker():
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(BrokerError, match="it closed the connection; check that an MQTT"):
            await check_connection(BrokerAddress("127.0.0.1", port))


@pytest.mark.peer
async def test_a_broker_that_wants_a_password_is_one_clear_line(launch):
    broker = launch("allow_anonymous false")
    for protocol in ("5", "3.1.1"):
        with pytest.raises(BrokerError, match=r"wants a user and password .*; set user in"):
            await check_connection(broker.address, protocol=protocol)


@pytest.mark.peer
async def test_a_broker_that_accepts_tells_the_version(mosquitto):
    assert await check_connection(mosquitto.address) == "5"
    assert await check_connection(mosquitto.address, protocol="3.1.1") == "3.1.1"
    async with open_broker(Mqtt(broker=str(mosquitto.address))) as address:
        assert address == mosquitto.address
