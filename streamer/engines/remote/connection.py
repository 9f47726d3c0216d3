"""One connection to a server of engines, kept open from question to question.

It wants the extra `remote`.
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
from streamer.engines.remote.server_address import Server
from streamer.errors import EngineError

_WIRE = logging.getLogger("streamer.engines.websocket")
_WIRE.setLevel(
    logging.CRITICAL
)  # what is lost is told by `ConnectionThread`, and not with a traceback


class Connection:
    """Asks one question after the other.

    Parameters
    ----------
    websocket
        An open one.
    precision
        Of the frames that travel.

    Attributes
    ----------
    engine
        Name of what answers.

    Raises
    ------
    EngineError
        By every method: the server is lost, refuses, or is none. The message says why.
    """

    def __init__(self, websocket: ClientConnection, precision: wire.Precision) -> None:
        self._websocket = websocket
        self._sender = wire.WindowEncoder(precision)
        self.engine = ""

    def greet(self, weights: str) -> None:
        """Hear what answers; it has to run these weights, told by their SHA-256."""
        try:
            told: Any = json.loads(self._hear())
            self.engine = str(told["engine"])[: limits.MAX_TITLE_CHARS]
            theirs = str(told["weights"])
        except (ValueError, TypeError, KeyError):
            raise EngineError("what answers there is no engine of ours") from None
        if theirs != weights:
            raise EngineError(
                f"it runs other weights ({theirs[:12]}, here {weights[:12]}); give both the same"
            )

    def infer(self, mel: Array, cochleagram: Array) -> Estimate:
        """Ask for an estimate of windows; see `Engine.infer`.

        Raises
        ------
        RequestRefusedError
            The server says why it has none; the next question may fare better.
        """
        with _told():
            self._websocket.send(self._sender.encode(mel, cochleagram))
        answer = self._hear()
        if isinstance(answer, str):
            raise wire.RequestRefusedError(f"it says: {_brief(answer)}")
        return wire.decode_estimate(answer, len(mel))

    def look(self) -> None:
        """See whether it is still there."""
        with _told():
            if not self._websocket.ping().wait(limits.INFERENCE_SERVER_TIMEOUT_S):
                raise TimeoutError

    def hang_up(self) -> None:
        """Let whatever another thread waits for fail at once."""
        with contextlib.suppress(OSError):  # TLS would say goodbye first, and wait
            socket.socket.shutdown(self._websocket.socket, socket.SHUT_RDWR)

    def _hear(self) -> str | bytes:
        with _told():
            return self._websocket.recv(timeout=limits.INFERENCE_SERVER_TIMEOUT_S)


@contextlib.contextmanager
def connected(
    server: Server,
    credentials: Credentials,
    weights: str,
    precision: wire.Precision,
    deadline: float,
) -> Iterator[Connection]:
    """Open a connection for the length of the context.

    Parameters
    ----------
    server, credentials
        Where, and who we are.
    weights
        SHA-256 of the weights that have to answer, in hexadecimal.
    precision
        Of the frames that travel.
    deadline
        Seconds after which nobody waits for an answer, which the server is told.

    Raises
    ------
    EngineError
        The server cannot be reached, refuses, or runs other weights; the message says why.
    """
    headers = {wire.PRECISION: precision, wire.DEADLINE: f"{deadline * 1e3:g}"}
    if credentials.user is not None:
        both = f"{credentials.user}:{credentials.password or ''}".encode()
        headers["Authorization"] = f"Basic {base64.b64encode(both).decode()}"
    host = f"[{server.host}]" if ":" in server.host else server.host
    with _told():
        websocket = connect(
            f"{'wss' if server.tls else 'ws'}://{host}:{server.port}{wire.PATH}",
            ssl=credentials.tls,
            additional_headers=headers,
            compression=None,
            proxy=None,
            open_timeout=limits.CONNECT_TIMEOUT_S,
            close_timeout=0.1,
            ping_interval=None,  # `Connection.look`
            max_size=limits.MAX_INFERENCE_RESPONSE_BYTES,
            max_queue=1,
            logger=_WIRE,
        )
    with contextlib.closing(websocket):
        connection = Connection(websocket, precision)
        connection.greet(weights)
        yield connection


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Put into words what a connection fails with."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise EngineError(
            f"its certificate is not trusted ({error.verify_message}); give [engine.remote] ca_file"
        ) from None
    except InvalidStatus as error:
        raise EngineError(_refusal(error.response.status_code)) from None
    except InvalidHandshake:
        raise EngineError("what answers there is no engine of ours") from None
    except ConnectionClosed as error:
        reason = error.rcvd.reason if error.rcvd is not None else ""
        raise EngineError(f"it hung up{f': {_brief(reason)}' if reason else ''}") from None
    except TimeoutError:
        raise EngineError("it does not answer") from None
    except socket.gaierror:
        raise EngineError("no such host is known") from None
    except OSError as error:
        raise EngineError((error.strerror or str(error)).lower()) from None


def _refusal(status: int) -> str:
    match status:
        case 401 | 403:
            return "it does not know this user and password; see [engine.remote] user"
        case 503:
            return "it has too much to do"
        case 404:
            return "what answers there is no engine of ours"
    return f"it answers {status}"


def _brief(said: str) -> str:
    words = said.partition("\n")[0][: limits.MAX_ERROR_REASON_CHARS]
    return words if words.isprintable() else "something unprintable"
