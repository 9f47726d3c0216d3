"""Addresses to listen at, as they stand in the configuration."""

import ipaddress
import socket
from typing import NamedTuple
from urllib.parse import urlsplit


class ListenAddress(NamedTuple):
    """A host name or address, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def url(self) -> str:
        """Where a browser finds it, in this machine's network where it listens everywhere."""
        try:
            address = ipaddress.ip_address(self.host)
        except ValueError:
            return f"http://{self}"
        host = _own_address(address.version) if address.is_unspecified else self.host
        return f"http://{ListenAddress(host, self.port)}"


def _own_address(version: int) -> str:
    """Return the address that others see us by, or our name where there is no network."""
    family, anybody = (
        (socket.AF_INET, "192.0.2.1") if version == 4 else (socket.AF_INET6, "2001:db8::1")
    )  # RFC 5737 and 3849: nobody has them, and nothing is sent
    with socket.socket(family, socket.SOCK_DGRAM) as unsent:
        try:
            unsent.connect((anybody, 9))
        except OSError:
            return socket.gethostname()
        return str(unsent.getsockname()[0])


def parse_listen_address(text: str) -> ListenAddress:
    """Read `HOST:PORT`, where an IPv6 address stands in brackets.

    Raises
    ------
    ValueError
        It is something else; the message says what to write.
    """
    write = "write HOST:PORT, such as 127.0.0.1:9464 or [::1]:9464"
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(write) from None
    whole = parts.netloc == text and "@" not in text and text.isascii() and text.isprintable()
    if not host or not port or not whole or " " in text:
        raise ValueError(write)
    return ListenAddress(host, port)
