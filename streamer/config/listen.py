"""Listen addresses, HOST:PORT."""

import ipaddress
import socket
from typing import NamedTuple
from urllib.parse import urlsplit


class ListenAddress(NamedTuple):
    """Host name or IP address, and port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the address."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def url(self) -> str:
        """URL for a browser; of a wildcard address, one that other machines can reach."""
        try:
            address = ipaddress.ip_address(self.host)
        except ValueError:
            return f"http://{self}"
        host = _own_address(address.version) if address.is_unspecified else self.host
        return f"http://{ListenAddress(host, self.port)}"


def _own_address(version: int) -> str:
    """Return this machine's address in its network, or its host name without a network."""
    family, documentation_address = (
        (socket.AF_INET, "192.0.2.1") if version == 4 else (socket.AF_INET6, "2001:db8::1")
    )  # RFC 5737 and 3849; connecting a UDP socket sends nothing
    with socket.socket(family, socket.SOCK_DGRAM) as udp:
        try:
            udp.connect((documentation_address, 9))
        except OSError:
            return socket.gethostname()
        return str(udp.getsockname()[0])


def parse_listen_address(text: str) -> ListenAddress:
    """Parse `HOST:PORT`; an IPv6 address is in brackets.

    Raises
    ------
    ValueError
        The text has another form; the message gives an example.
    """
    remedy = "write HOST:PORT, such as 127.0.0.1:9464 or [::1]:9464"
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(remedy) from None
    whole = parts.netloc == text and "@" not in text and text.isascii() and text.isprintable()
    if not host or not port or not whole or " " in text:
        raise ValueError(remedy)
    return ListenAddress(host, port)
