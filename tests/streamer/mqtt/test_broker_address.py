"""Parse and format broker addresses."""

import pytest

from streamer.config.models import Mqtt
from streamer.errors import ConfigError
from streamer.mqtt import BrokerAddress
from streamer.mqtt.broker_address import explicit_broker_address, parse_broker_address


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
def test_a_url_becomes_an_address_and_back(url, address):
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
def test_any_other_form_is_one_line_with_the_remedy_and_no_password(url):
    with pytest.raises(ConfigError, match=r"write mqtt://HOST\[:PORT\]") as caught:
        parse_broker_address(url)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("broker", ["auto", "embedded"])
def test_auto_and_embedded_have_no_explicit_address(broker):
    assert explicit_broker_address(Mqtt(broker=broker)) is None
