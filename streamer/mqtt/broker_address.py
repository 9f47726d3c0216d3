"""Broker addresses: parsed from URLs and from the `[mqtt]` table."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from streamer.config.credentials import ServerIdentity
from streamer.config.models import Mqtt
from streamer.errors import ConfigError
from streamer.helpers import truncate

DEFAULT_PORT = 1883
TLS_PORT = 8883

_SCHEMES = {"mqtt": DEFAULT_PORT, "mqtts": TLS_PORT}
_REMEDY = "write mqtt://HOST[:PORT], mqtts://HOST[:PORT] (TLS), auto or embedded"


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Address of an MQTT broker over TCP, with or without TLS.

    Attributes
    ----------
    host, port
        Listen address of the broker. Default port: 1883.
    embedded
        Program behind the broker if this process started it (`mosquitto`, `amqtt`), else None.
    tls
        Whether the connection is encrypted and the broker's certificate verified.
    """

    host: str
    port: int = DEFAULT_PORT
    embedded: str | None = None
    tls: bool = False

    @property
    def identity(self) -> ServerIdentity:
        """The broker as `read_credentials` needs it."""
        return ServerIdentity("mqtt", f"the broker is {self}", self.tls, "mqtts://HOST[:PORT]")

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls else 'mqtt'}://{host}:{self.port}"


def parse_broker_address(url: str) -> BrokerAddress:
    """Parse `mqtt://HOST[:PORT]` (default port 1883) or `mqtts://HOST[:PORT]` (8883).

    Raises
    ------
    ConfigError
        The URL has another form; the message names the accepted ones.
    """
    what = f"the broker {_without_user(url)!r}"
    write = _REMEDY
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
    return BrokerAddress(
        parts.hostname, port or _SCHEMES[parts.scheme], tls=parts.scheme == "mqtts"
    )


def explicit_broker_address(config: Mqtt) -> BrokerAddress | None:
    """Return the configured broker URL as an address; None for `auto` and `embedded`.

    Raises
    ------
    ConfigError
        The broker is none of `auto`, `embedded`, `mqtt://HOST[:PORT]`, `mqtts://HOST[:PORT]`.
    """
    return None if config.broker in ("auto", "embedded") else parse_broker_address(config.broker)


def existing_broker_address(config: Mqtt) -> BrokerAddress:
    """Return the address of a broker that already runs: the configured one, else localhost.

    For commands that never start a broker. Raises as `explicit_broker_address`.
    """
    return explicit_broker_address(config) or BrokerAddress("localhost", config.port)


def _without_user(url: str) -> str:
    """Strip user, password, query and fragment: an error message must not show a password."""
    scheme, mark, rest = url.partition("://") if "://" in url else ("", "", url)
    rest = re.split("[?#]", rest.rpartition("@")[2], maxsplit=1)[0]
    return truncate(scheme.rpartition("@")[2] + mark + rest)
