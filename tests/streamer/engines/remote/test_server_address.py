"""Parsing the address of an inference server."""

import pytest

from streamer.engines.remote.server_address import ServerAddress, parse_server_address
from streamer.errors import ConfigError


@pytest.mark.parametrize(
    ("url", "address", "text"),
    [
        ("http://gpu", ServerAddress("gpu", 8720), "http://gpu:8720"),
        ("https://gpu.lan:443/", ServerAddress("gpu.lan", 443, tls=True), "https://gpu.lan:443"),
        ("http://[::1]:80", ServerAddress("::1", 80), "http://[::1]:80"),
    ],
)
def test_host_and_optional_port_are_parsed(url, address, text):
    assert parse_server_address(url) == address
    assert str(address) == text


@pytest.mark.parametrize(
    "url",
    ["gpu", "gpu:80", "mqtt://gpu", "http://", "http://gpu/x", "http://gpu?x", "http://gpu:0",
     "http://gpu:x", "http://[::1", "http://gpu:99999"],
)  # fmt: skip
def test_an_invalid_url_is_refused_with_the_format(url):
    with pytest.raises(ConfigError, match=r"write http://HOST\[:PORT\]"):
        parse_server_address(url)


def test_a_user_in_the_url_is_refused_and_not_repeated():
    with pytest.raises(ConfigError, match="password_file") as caught:
        parse_server_address("http://stage:secret@gpu")
    assert "secret" not in str(caught.value)
