"""Addresses to listen at, as they stand in the configuration."""

import ipaddress
from typing import NamedTuple
from urllib.parse import urlsplit


class Listen(NamedTuple):
    """A host name or address, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def here(self) -> bool:
        """Whether only this machine reaches it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def parse_listen(text: str) -> Listen:
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
    return Listen(host, port)
