"""Addresses to listen at, and where a browser finds what listens there."""

import socket

import psutil
import pytest

from streamer.config.listen import parse_listen_address


@pytest.mark.parametrize(
    ("text", "here", "url"),
    [
        ("127.0.0.1:8710", True, "http://127.0.0.1:8710"),
        ("[::1]:8710", True, "http://[::1]:8710"),
        ("localhost:1", True, "http://localhost:1"),
        ("10.0.0.7:8710", False, "http://10.0.0.7:8710"),
        ("stage.example:80", False, "http://stage.example:80"),
    ],
)
def test_one_address_is_where_it_is_found(text, here, url):
    listen = parse_listen_address(text)
    assert (str(listen), listen.is_loopback, listen.url) == (text, here, url)


@pytest.mark.parametrize("text", ["0.0.0.0:8710", "[::]:8710"])
def test_all_addresses_are_found_at_one_that_others_reach(text):
    ours = {one.address for many in psutil.net_if_addrs().values() for one in many}
    found = parse_listen_address(text).url.removeprefix("http://").removesuffix(":8710").strip("[]")
    assert found in ours | {socket.gethostname()}


def test_without_a_network_it_is_the_name_of_the_machine(monkeypatch):
    def unreachable(*_):
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(socket.socket, "connect", unreachable)
    assert parse_listen_address("0.0.0.0:8710").url == f"http://{socket.gethostname()}:8710"
