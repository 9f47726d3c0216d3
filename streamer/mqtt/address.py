"""Where a broker is."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from streamer.errors import ConfigError

DEFAULT_PORT = 1883


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a broker that speaks MQTT over TCP.

    Attributes
    ----------
    host, port
        Where it listens.
    embedded
        The program that serves there if we started it (`mosquitto`, `amqtt`), else None.
    """

    host: str
    port: int = DEFAULT_PORT
    embedded: str | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"mqtt://{host}:{self.port}"


def parse_address(url: str) -> Address:
    """Read `mqtt://HOST[:PORT]`.

    Raises
    ------
    ConfigError
        It is something else; the message says what to write.
    """
    shown = re.sub("(^|//)[^/]*@", r"\1", url)  # a password is never shown
    what = f"the broker {shown!r}"
    write = "write mqtt://HOST[:PORT], auto or embedded"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ConfigError(f"{what} is no address ({error}): {write}") from None
    if "://" not in url:
        raise ConfigError(f"{what} has no scheme: {write}")
    if parts.scheme != "mqtt":
        raise ConfigError(
            f"{what} has the scheme {parts.scheme}://, which is not supported: {write}"
        )
    if "@" in parts.netloc:
        raise ConfigError(f"{what}: a user and password are not supported yet: {write}")
    if (
        not parts.hostname
        or port == 0
        or parts.path not in ("", "/")
        or parts.query
        or parts.fragment
    ):
        raise ConfigError(f"{what} has no host, or more than host and port: {write}")
    return Address(parts.hostname, port or DEFAULT_PORT)
