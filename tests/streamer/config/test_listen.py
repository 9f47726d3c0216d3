"""Listen addresses, and the URL under which a browser finds them."""

import socket

import psutil
import pytest

from streamer.config.listen import parse_listen_address


@pytest.mark.parametrize(
    ("text", "is_loopback", "url"),
    [
        ("127.0.0.1:8710", True, "http://127.0.0.1:8710"),
        ("[::1]:8710", True, "http://[::1]:8710"),
        ("localhost:1", True, "http://localhost:1"),
        ("10.0.0.7:8710", False, "http://10.0.0.7:8710"),
        ("stage.example:80", False, "http://stage.example:80"),
    ],
)
def test_a_single_address_is_its_own_url(text, is_loopback, url):
    listen = parse_listen_address(text)
    assert (str(listen), listen.is_loopback, listen.url) == (text, is_loopback, url)


@pytest.mark.parametrize("text", ["0.0.0.0:8710", "[::]:8710"])
def test_a_wildcard_address_has_the_url_of_this_machine(text):
    own_addresses = {one.address for many in psutil.net_if_addrs().values() for one in many}
    host = parse_listen_address(text).url.removeprefix("http://").removesuffix(":8710").strip("[]")
    assert host in own_addresses | {socket.gethostname()}


def test_without_a_network_the_url_has_the_host_name(monkeypatch):
    def unreachable(*_):
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(socket.socket, "connect", unreachable)
    assert parse_listen_address("0.0.0.0:8710").url == f"http://{socket.gethostname()}:8710"
