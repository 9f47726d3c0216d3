"""Where a server is, and what is said of an address that is none."""

import pytest

from streamer.engines.remote.server_address import Server, parse_server_address
from streamer.errors import ConfigError


@pytest.mark.parametrize(
    ("url", "server", "shown"),
    [
        ("http://gpu", Server("gpu", 8720), "http://gpu:8720"),
        ("https://gpu.lan:443/", Server("gpu.lan", 443, tls=True), "https://gpu.lan:443"),
        ("http://[::1]:80", Server("::1", 80), "http://[::1]:80"),
    ],
)
def test_it_is_a_host_and_perhaps_a_port(url, server, shown):
    assert parse_server_address(url) == server
    assert str(server) == shown


@pytest.mark.parametrize(
    "url",
    ["gpu", "gpu:80", "mqtt://gpu", "http://", "http://gpu/x", "http://gpu?x", "http://gpu:0",
     "http://gpu:x", "http://[::1", "http://gpu:99999"],
)  # fmt: skip
def test_what_is_none_is_one_line_with_what_to_write(url):
    with pytest.raises(ConfigError, match=r"write http://HOST\[:PORT\]"):
        parse_server_address(url)


def test_a_user_does_not_stand_in_it_and_is_not_repeated():
    with pytest.raises(ConfigError, match="password_file") as caught:
        parse_server_address("http://stage:secret@gpu")
    assert "secret" not in str(caught.value)
