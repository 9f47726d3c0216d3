"""One websocket connection to an inference server.

Needs the extra `remote`.
"""

import base64
import contextlib
import json
import logging
import socket
import ssl
from collections.abc import Iterator
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from streamer import limits
from streamer.config.credentials import Credentials
from streamer.engines.protocol import Array, Estimate
from streamer.engines.remote import wire_format as wire
from streamer.engines.remote.server_address import ServerAddress
from streamer.errors import EngineError
from streamer.helpers import truncate

_WEBSOCKET_LOG = logging.getLogger("streamer.engines.websocket")
_WEBSOCKET_LOG.setLevel(logging.CRITICAL)  # `ConnectionThread` reports losses, without traceback

_NOT_A_SERVER = "it is not a streamer inference server"


class Connection:
    """Sends one inference request after the other.

    Parameters
    ----------
    websocket
        Open connection.
    precision
        Precision of the frames on the wire.

    Attributes
    ----------
    engine
        Name of the server's engine.

    Raises
    ------
    EngineError
        By every method: the connection is lost, or the peer is not an inference server.
    """

    def __init__(self, websocket: ClientConnection, precision: wire.Precision) -> None:
        self._websocket = websocket
        self._encoder = wire.WindowEncoder(precision)
        self.engine = ""

    def handshake(self, weights: str) -> None:
        """Receive the server's description; raise unless it runs the weights of this SHA-256."""
        try:
            description: Any = json.loads(self._receive())
            self.engine = str(description["engine"])[: limits.MAX_TITLE_CHARS]
            found = str(description["weights"])
        except (ValueError, TypeError, KeyError):
            raise EngineError(_NOT_A_SERVER) from None
        if found != weights:
            raise EngineError(
                f"it runs other weights ({found[:12]}, here {weights[:12]}); give both the same"
            )

    def infer(self, mel: Array, cochleagram: Array) -> Estimate:
        """Request an estimate of B windows; see `Engine.infer`.

        Raises
        ------
        RequestRefusedError
            The server refused this request; the next may succeed.
        """
        with _engine_errors():
            self._websocket.send(self._encoder.encode(mel, cochleagram))
        response = self._receive()
        if isinstance(response, str):
            raise wire.RequestRefusedError(f"it refused the request: {truncate(response)}")
        return wire.decode_estimate(response, len(mel))

    def ping(self) -> None:
        """Raise unless the server answers a ping."""
        with _engine_errors():
            if not self._websocket.ping().wait(limits.INFERENCE_SERVER_TIMEOUT_S):
                raise TimeoutError

    def abort(self) -> None:
        """Shut the socket down, so that a call that waits in another thread fails at once."""
        with contextlib.suppress(OSError):  # a TLS shutdown would send and wait first
            socket.socket.shutdown(self._websocket.socket, socket.SHUT_RDWR)

    def _receive(self) -> str | bytes:
        with _engine_errors():
            return self._websocket.recv(timeout=limits.INFERENCE_SERVER_TIMEOUT_S)


@contextlib.contextmanager
def open_connection(
    server: ServerAddress,
    credentials: Credentials,
    weights: str,
    precision: wire.Precision,
    deadline: float,
) -> Iterator[Connection]:
    """Open a connection for the length of the context.

    Parameters
    ----------
    server, credentials
        Address and login.
    weights
        SHA-256 of the weights that the server must run, in hexadecimal.
    precision
        Precision of the frames on the wire.
    deadline
        Seconds after which the client discards a response; sent to the server.

    Raises
    ------
    EngineError
        The server cannot be reached, refuses, or runs other weights.
    """
    headers = {wire.PRECISION: precision, wire.DEADLINE: f"{deadline * 1e3:g}"}
    if credentials.user is not None:
        login = f"{credentials.user}:{credentials.password or ''}".encode()
        headers["Authorization"] = f"Basic {base64.b64encode(login).decode()}"
    with _engine_errors():
        websocket = connect(
            f"{'wss' if server.tls else 'ws'}://{server.authority}{wire.PATH}",
            ssl=credentials.tls,
            additional_headers=headers,
            compression=None,
            proxy=None,
            open_timeout=limits.CONNECT_TIMEOUT_S,
            close_timeout=0.1,
            ping_interval=None,  # `Connection.ping`
            max_size=limits.MAX_INFERENCE_RESPONSE_BYTES,
            max_queue=1,
            logger=_WEBSOCKET_LOG,
        )
    with contextlib.closing(websocket):
        connection = Connection(websocket, precision)
        connection.handshake(weights)
        yield connection


@contextlib.contextmanager
def _engine_errors() -> Iterator[None]:
    """Translate connection errors into EngineError."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise EngineError(
            f"its certificate is not trusted ({error.verify_message}); set [engine.remote] ca_file"
        ) from None
    except InvalidStatus as error:
        raise EngineError(_status_reason(error.response.status_code)) from None
    except InvalidHandshake:
        raise EngineError(_NOT_A_SERVER) from None
    except ConnectionClosed as error:
        reason = error.rcvd.reason if error.rcvd is not None else ""
        suffix = f": {truncate(reason)}" if reason else ""
        raise EngineError(f"it closed the connection{suffix}") from None
    except TimeoutError:
        raise EngineError("it does not answer") from None
    except socket.gaierror:
        raise EngineError("unknown host") from None
    except OSError as error:
        raise EngineError((error.strerror or str(error)).lower()) from None


def _status_reason(status: int) -> str:
    match status:
        case 401 | 403:
            return "wrong user or password; see [engine.remote] user"
        case 503:
            return "it is overloaded"
        case 404:
            return _NOT_A_SERVER
    return f"it answers with HTTP status {status}"
