"""An inference server with injected faults; its protocol and its engine are real."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from damer.weights import SHIPPED_MODEL
from streamer.config.models import Remote
from streamer.engines import Engine, open_engine
from streamer.engines.remote import connection_thread
from streamer.engines.remote import wire_format as wire
from streamer.engines.remote.remote_engine import RemoteEngine, open_remote_engine
from streamer.engines.weights_digest import file_sha256
from tests.support.ports import free_port

SHORT_DEADLINE_MS = 200.0
"""For tests of late responses; elsewhere responses have 5 s, so that load does not matter."""


class FaultyServer:
    """Inference server on a free port.

    Attributes
    ----------
    url
        Its address.
    delay
        Seconds before each response.
    released
        Responses are held while it is clear.
    change_response
        Changes a response before it is sent.
    description
        Its first message.
    request_sizes
        Bytes of each request.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.delay = 0.0
        self.released = threading.Event()
        self.released.set()
        self.change_response: Callable[[bytes], bytes | str] = lambda response: response
        self.description: Any = {"engine": "a GPU", "weights": file_sha256(SHIPPED_MODEL)}
        self.request_sizes: list[int] = []
        self.headers: dict[str, str] = {}
        self.start()

    def start(self) -> None:
        self._sockets: list[ServerConnection] = []
        self._server = serve(
            self._serve, "127.0.0.1", self.port, compression=None, max_size=1 << 24
        )
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self.released.set()
        self._server.shutdown()
        for socket in self._sockets:
            socket.socket.close()
        self._thread.join()

    def _serve(self, socket: ServerConnection) -> None:
        self._sockets.append(socket)
        assert socket.request is not None
        self.headers = dict(socket.request.headers)
        decoder = wire.WindowDecoder(self.engine.front_end, self.headers[wire.PRECISION])
        description = self.description
        try:
            socket.send(description if isinstance(description, str) else json.dumps(description))
            for request in socket:
                assert isinstance(request, bytes)
                self.request_sizes.append(len(request))
                response = wire.encode_estimate(self.engine.infer(*decoder.decode(request)))
                time.sleep(self.delay)
                self.released.wait()
                socket.send(self.change_response(response))
        except (ConnectionClosed, OSError):
            pass


@pytest.fixture
def server(engine: Engine) -> Iterator[FaultyServer]:
    server = FaultyServer(engine)
    yield server
    server.stop()


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., RemoteEngine]]:
    """Open a remote engine that reconnects to a lost server soon."""
    monkeypatch.setattr(connection_thread, "_FIRST_BACKOFF", 0.05)
    monkeypatch.setattr(connection_thread, "_MAX_BACKOFF", 0.1)
    opened = []

    def connect(url: str, **table: Any) -> RemoteEngine:
        remote = Remote(url=url, **{"deadline_ms": 5000.0, **table})
        opened.append(open_remote_engine(remote, open_engine(), None))
        return opened[-1]

    yield connect
    for engine in opened:
        engine.close()
