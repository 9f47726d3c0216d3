"""A server of engines that fails as it is told: what travels is real, and so is its engine."""

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
from streamer.engines.remote import connection_thread as link
from streamer.engines.remote import wire_format as wire
from streamer.engines.remote.remote_engine import RemoteEngine, open_remote_engine
from streamer.engines.weights_digest import file_sha256
from tests.support.ports import free_port

DEADLINE = 0.2


class Faulty:
    """Serves on a free port.

    Attributes
    ----------
    url
        Where.
    delay
        Seconds before each answer.
    answer
        Changes what is answered.
    told
        What it says of itself.
    asked
        Bytes of each question.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.delay = 0.0
        self.answer: Callable[[bytes], bytes | str] = lambda answer: answer
        self.told: Any = {"engine": "a GPU", "weights": file_sha256(SHIPPED_MODEL)}
        self.asked: list[int] = []
        self.headers: dict[str, str] = {}
        self.start()

    def start(self) -> None:
        self._sockets: list[ServerConnection] = []
        self._server = serve(
            self._converse, "127.0.0.1", self.port, compression=None, max_size=1 << 24
        )
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        for socket in self._sockets:
            socket.socket.close()
        self._thread.join()

    def _converse(self, socket: ServerConnection) -> None:
        self._sockets.append(socket)
        assert socket.request is not None
        self.headers = dict(socket.request.headers)
        receiver = wire.WindowDecoder(self.engine.front_end, self.headers[wire.PRECISION])
        try:
            socket.send(self.told if isinstance(self.told, str) else json.dumps(self.told))
            for question in socket:
                assert isinstance(question, bytes)
                self.asked.append(len(question))
                answer = wire.encode_estimate(self.engine.infer(*receiver.decode(question)))
                time.sleep(self.delay)
                socket.send(self.answer(answer))
        except (ConnectionClosed, OSError):
            pass


@pytest.fixture
def faulty(engine: Engine) -> Iterator[Faulty]:
    server = Faulty(engine)
    yield server
    server.stop()


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., RemoteEngine]]:
    """Open an engine that asks a server, and soon again where that was lost."""
    monkeypatch.setattr(link, "_FIRST_PAUSE", 0.05)
    monkeypatch.setattr(link, "_PAUSE", 0.1)
    opened = []

    def ask(url: str, **table: Any) -> RemoteEngine:
        remote = Remote(url=url, **{"deadline_ms": DEADLINE * 1e3, **table})
        opened.append(open_remote_engine(remote, open_engine(), None))
        return opened[-1]

    yield ask
    for engine in opened:
        engine.close()
