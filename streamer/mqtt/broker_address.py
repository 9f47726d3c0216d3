"""Where a broker is."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from streamer.config.credentials import Peer
from streamer.errors import ConfigError
from streamer.helpers import brief

DEFAULT_PORT = 1883
TLS_PORT = 8883

_SCHEMES = {"mqtt": DEFAULT_PORT, "mqtts": TLS_PORT}


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a broker that speaks MQTT over TCP, with or without TLS.

    Attributes
    ----------
    host, port
        Where it listens.
    embedded
        The program that serves there if we started it (`mosquitto`, `amqtt`), else None.
    tls
        Whether the connection is encrypted and the broker's certificate verified.
    """

    host: str
    port: int = DEFAULT_PORT
    embedded: str | None = None
    tls: bool = False

    @property
    def peer(self) -> Peer:
        """Whom the credentials of the `[mqtt]` table are for."""
        return Peer("mqtt", f"the broker is {self}", self.tls, "mqtts://HOST[:PORT]")

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls else 'mqtt'}://{host}:{self.port}"


def parse_address(url: str) -> Address:
    """Read `mqtt://HOST[:PORT]` or `mqtts://HOST[:PORT]`; the ports are 1883 and 8883 by default.

    Raises
    ------
    ConfigError
        It is something else; the message says what to write.
    """
    what = f"the broker {_without_user(url)!r}"
    write = "write mqtt://HOST[:PORT], mqtts://HOST[:PORT] (TLS), auto or embedded"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ConfigError(
            f"{what} is no address, or has no port from 1 to 65535: {write}"
        ) from None
    if "@" in url:
        raise ConfigError(
            f"{what}: user and password stand in [mqtt] user and password_file, or in "
            f"STREAMER_MQTT__USER and STREAMER_MQTT__PASSWORD, not in the address: {write}"
        )
    if "://" not in url:
        raise ConfigError(f"{what} has no scheme: {write}")
    if parts.scheme not in _SCHEMES:
        raise ConfigError(
            f"{what} has the scheme {parts.scheme}://, which is not supported: {write}"
        )
    if (
        not parts.hostname
        or port == 0
        or parts.path not in ("", "/")
        or parts.query
        or parts.fragment
    ):
        raise ConfigError(f"{what} has no host, or more than host and port: {write}")
    return Address(parts.hostname, port or _SCHEMES[parts.scheme], tls=parts.scheme == "mqtts")


def _without_user(url: str) -> str:
    """Return a URL without what may be a password: before an "@", or behind a "?" or "#"."""
    scheme, mark, rest = url.partition("://") if "://" in url else ("", "", url)
    rest = re.split("[?#]", rest.rpartition("@")[2], maxsplit=1)[0]
    return brief(scheme.rpartition("@")[2] + mark + rest)
