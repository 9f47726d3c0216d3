"""Address of an inference server: parse and format its URL."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from streamer.config.credentials import ServerIdentity
from streamer.errors import ConfigError
from streamer.helpers import truncate

DEFAULT_PORT = 8720

_FORMAT = "write http://HOST[:PORT], or https://HOST[:PORT] (TLS)"


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Address of a `python -m deploy serve`.

    Attributes
    ----------
    host, port
        Host and TCP port. Default port: 8720.
    tls
        Whether the connection is encrypted and the server's certificate verified. Default: False.
    """

    host: str
    port: int = DEFAULT_PORT
    tls: bool = False

    @property
    def peer(self) -> ServerIdentity:
        """Peer of the credentials in the `[engine.remote]` table."""
        return ServerIdentity(
            "engine.remote", f"the server is {self}", self.tls, "https://HOST[:PORT]"
        )

    @property
    def is_loopback(self) -> bool:
        """Whether the server runs on this machine."""
        return self.host in ("localhost", "::1") or self.host.startswith("127.")

    @property
    def authority(self) -> str:
        """HOST:PORT of a URL, an IPv6 address in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.authority}"


def parse_server_address(url: str) -> ServerAddress:
    """Parse `http://HOST[:PORT]` or `https://HOST[:PORT]`; the default port is 8720.

    Raises
    ------
    ConfigError
        The URL has another form; the message says what to write.
    """
    if "@" in url:
        raise ConfigError(
            "[engine.remote] url must not hold a user: set user and password_file beside it, or "
            "STREAMER_ENGINE__REMOTE__USER and STREAMER_ENGINE__REMOTE__PASSWORD"
        )
    invalid = ConfigError(f"invalid [engine.remote] url {truncate(url)!r}: {_FORMAT}")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise invalid from None
    has_path = parts.path not in ("", "/") or parts.query or parts.fragment
    if parts.scheme not in ("http", "https") or not host or port == 0 or has_path:
        raise invalid
    return ServerAddress(host, port or DEFAULT_PORT, tls=parts.scheme == "https")
