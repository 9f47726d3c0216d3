"""Where a server of engines is."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from streamer.config.credentials import ServerIdentity
from streamer.errors import ConfigError
from streamer.helpers import truncate

DEFAULT_PORT = 8720

_WRITE = "write http://HOST[:PORT], or https://HOST[:PORT] (TLS)"


@dataclass(frozen=True, slots=True)
class Server:
    """The address of a `python -m deploy serve`.

    Attributes
    ----------
    host, port
        Where it listens.
    tls
        Whether the connection is encrypted and the server's certificate verified.
    """

    host: str
    port: int = DEFAULT_PORT
    tls: bool = False

    @property
    def identity(self) -> ServerIdentity:
        """Whom the credentials of the `[engine.remote]` table are for."""
        return ServerIdentity(
            "engine.remote", f"the server is {self}", self.tls, "https://HOST[:PORT]"
        )

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"


def parse_server_address(url: str) -> Server:
    """Read `http://HOST[:PORT]` or `https://HOST[:PORT]`; the port is 8720 by default.

    Raises
    ------
    ConfigError
        It is something else; the message says what to write.
    """
    if "@" in url:
        raise ConfigError(
            "[engine.remote] url has a user: user and password_file stand beside it, or "
            "STREAMER_ENGINE__REMOTE__USER and STREAMER_ENGINE__REMOTE__PASSWORD"
        )
    what = f"[engine.remote] url {truncate(url)!r}"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ConfigError(f"{what} is no address: {_WRITE}") from None
    beyond = parts.path not in ("", "/") or parts.query or parts.fragment
    if parts.scheme not in ("http", "https") or not host or port == 0 or beyond:
        raise ConfigError(f"{what} is no address of a server: {_WRITE}")
    return Server(host, port or DEFAULT_PORT, tls=parts.scheme == "https")
