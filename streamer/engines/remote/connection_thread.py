"""Thread that keeps a connection open, so that inference never waits longer than its deadline.

The thread connects, probes the server with digital silence, then answers requests. A request that
misses its deadline is abandoned: its response is discarded, and no request is sent before that
response arrives. After a loss, a refusal, or several misses in a row the thread backs off, then
reconnects; the server is used again once it has answered the probe in time.
"""

import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from streamer.engines.protocol import Array, Estimate
from streamer.engines.remote.wire_format import RequestRefusedError
from streamer.errors import EngineError
from streamer.helpers import Backoff

if TYPE_CHECKING:
    from streamer.engines.remote.connection import Connection

MAX_CONSECUTIVE_MISSES = 3
"""Requests in a row without a response in time, after which the connection is closed."""

_PROBES = 3  # the last one is timed: the first may initialise the server's GPU
_FIRST_BACKOFF, _MAX_BACKOFF = 1.0, 10.0  # s; many clients may have lost the server together
_PING_AFTER = 2.0  # s without a request
_DURATIONS = 600  # kept: one minute at 10 estimates a second

Views = tuple[Array, Array]
OpenConnection = Callable[[], AbstractContextManager["Connection"]]


class _Request:
    """One batch of windows, the queue it was put on, and its result."""

    def __init__(self, views: Views, queue: "_RequestQueue") -> None:
        self.views = views
        self.queue = queue
        self.estimate: Estimate | None = None
        self.error = ""
        self.done = threading.Event()


_RequestQueue = queue.SimpleQueue[_Request | None]


class ConnectionThread:
    """Requests estimates from a server while it is healthy; else raises at once.

    Parameters
    ----------
    connect
        Opens a connection.
    silence
        One window of digital silence, (mel, cochleagram), for the probe.
    deadline
        Seconds until a response must have arrived.
    on_change
        Called in the thread with (name of the server's engine, "") once connected, or ("", reason)
        once the server is lost.

    Attributes
    ----------
    answered, late, failed
        Requests answered in time, not in time, and failed otherwise.
    durations
        Latest response times in seconds, of those in time.
    """

    def __init__(
        self,
        connect: OpenConnection,
        silence: Views,
        deadline: float,
        on_change: Callable[[str, str], None],
    ) -> None:
        self.answered = self.late = self.failed = 0
        self.durations: deque[float] = deque(maxlen=_DURATIONS)
        self._connect = connect
        self._silence = silence
        self._deadline = deadline
        self._on_change = on_change
        self._connection: Connection | None = None
        self._queue: _RequestQueue = queue.SimpleQueue()  # one per connection
        self._infer_lock = threading.Lock()
        self._abandoned: _Request | None = None
        self._misses = 0  # in a row
        self._abort_reason = ""
        self._healthy = threading.Event()
        self._tried = threading.Event()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="remote engine", daemon=True)

    def start(self, timeout: float) -> None:
        """Start the thread; return after its first attempt to connect, or after the timeout, s."""
        self._thread.start()
        self._tried.wait(timeout)

    def close(self) -> None:
        """Stop the thread."""
        self._closed.set()
        self._queue.put(None)
        self._abort()
        self._thread.join(1.0)

    def infer(self, mel: Array, cochleagram: Array) -> Estimate:
        """Request an estimate; return or raise within the deadline.

        Raises
        ------
        EngineError
            The server is not healthy, or has not answered in time.
        """
        with self._infer_lock:
            started = time.monotonic()
            if not self._healthy.is_set():
                raise EngineError("it is not connected")
            abandoned, requests = self._abandoned, self._queue
            if (
                abandoned is not None
                and abandoned.queue is requests
                and not abandoned.done.is_set()
            ):
                raise EngineError("its last response is still pending")
            request = _Request((mel, cochleagram), requests)
            requests.put(request)
            if not request.done.wait(self._deadline):
                self.late += 1
                self._abandoned = request
                self._count_miss()
                raise EngineError(f"no response within {self._deadline * 1e3:g} ms")
            if request.estimate is None:
                self.failed += 1
                self._count_miss()
                raise EngineError(request.error)
            self._misses = 0
            self.answered += 1
            self.durations.append(time.monotonic() - started)
            return request.estimate

    def _count_miss(self) -> None:
        self._misses += 1
        if self._misses >= MAX_CONSECUTIVE_MISSES:
            self._misses = 0
            self._healthy.clear()
            self._abort_reason = (
                f"it did not answer in time {MAX_CONSECUTIVE_MISSES} times in a row"
            )
            self._abort()

    def _abort(self) -> None:
        if (connection := self._connection) is not None:
            connection.abort()

    def _run(self) -> None:
        backoff = Backoff(initial=_FIRST_BACKOFF, maximum=_MAX_BACKOFF)
        while not self._closed.is_set():
            healthy_since: float | None = None
            reason = ""
            try:
                with self._connect() as self._connection:
                    self._probe(self._connection)
                    self._queue = queue.SimpleQueue()
                    self._misses = 0
                    healthy_since = time.monotonic()
                    self._healthy.set()
                    self._on_change(self._connection.engine, "")
                    self._tried.set()
                    self._serve_requests(self._connection)
            except EngineError as error:
                reason = self._abort_reason or str(error)
            except Exception as error:  # noqa: BLE001 - the thread must survive to reconnect
                reason = f"{type(error).__name__}: {error}"
            self._abort_reason = ""
            self._healthy.clear()
            self._connection = None
            if self._closed.is_set():
                return
            self._on_change("", reason)
            self._tried.set()
            lasted = time.monotonic() - healthy_since if healthy_since is not None else 0.0
            self._closed.wait(backoff.next_delay(lasted))

    def _probe(self, connection: "Connection") -> None:
        """Raise unless the server answers digital silence within the deadline."""
        for _ in range(_PROBES):
            started = time.monotonic()
            connection.infer(*self._silence)
            duration = time.monotonic() - started
        if duration > self._deadline:
            raise EngineError(f"it takes longer than {self._deadline * 1e3:g} ms")

    def _serve_requests(self, connection: "Connection") -> None:
        """Answer requests until the connection fails or the thread is stopped."""
        while not self._closed.is_set():
            try:
                request = self._queue.get(timeout=_PING_AFTER)
            except queue.Empty:
                connection.ping()
                continue
            if request is None:
                return
            try:
                request.estimate = connection.infer(*request.views)
            except EngineError as error:
                request.error = str(error)
                if not isinstance(error, RequestRefusedError):
                    self._healthy.clear()  # before the next request
                    raise
            finally:
                request.done.set()
