"""The dashboard's process, from our side.

What waits to be told to the dashboard's process.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from streamer import limits
from streamer.child.framing import MessageError
from streamer.child.supervisor import ChildProcess, ChildStartError
from streamer.errors import StreamerError
from streamer.helpers import Backoff
from streamer.outputs.dashboard.ipc import Setting

PERIOD = 0.05
"""Seconds between two lines to the process, at least."""

_START_TIMEOUT_S = 30.0
_EXIT_TIMEOUT_S = 2.0
_POLL_S = 0.5

logger = logging.getLogger(__name__)


class Outbox:
    """Gathers what is new until it is taken, and stays small however long that lasts.

    Rows, views and answers that are too many give way, the oldest first; of a fact the newest
    counts, and one that stays the same is not told again. Any thread may use it.
    """

    def __init__(self) -> None:
        self._points: dict[str, deque[Sequence[Any]]] = {}
        self._views: dict[str, deque[Any]] = {}
        self._acks: deque[Any] = deque(maxlen=_MOST_ACKS)
        self._facts: dict[str, Any] = {}
        self._news: dict[str, Any] = {}
        self._changed = threading.Condition()

    def point(self, zone: str, row: Sequence[Any]) -> None:
        """Add a row of `POINT`."""
        with self._changed:
            self._points.setdefault(zone, deque(maxlen=MOST_POINTS)).append(row)
            self._changed.notify()

    def view(self, zone: str, parcel: Mapping[str, str]) -> None:
        """Add frames of both views."""
        with self._changed:
            self._views.setdefault(zone, deque(maxlen=_MOST_VIEWS)).append(parcel)
            self._changed.notify()

    def ack(self, ack: Mapping[str, Any]) -> None:
        """Add an answer."""
        with self._changed:
            self._acks.append(ack)
            self._changed.notify()

    def fact(self, name: str, value: Any) -> None:
        """Say what is true from now on."""
        with self._changed:
            if name not in self._facts or self._facts[name] != value:
                self._facts[name] = self._news[name] = value
                self._changed.notify()

    def renew(self) -> None:
        """Let every fact be told again: the process is another one."""
        with self._changed:
            self._news = dict(self._facts)

    def take(self, timeout: float) -> dict[str, Any]:
        """Return what is new, as `words` has it; nothing where nothing is after so many seconds."""
        with self._changed:
            self._changed.wait_for(self._waiting, timeout)
            told = {
                "points": {zone: list(rows) for zone, rows in self._points.items()},
                "views": {zone: list(parcels) for zone, parcels in self._views.items()},
                "acks": list(self._acks),
                "facts": self._news,
            }
            self._points, self._views, self._news = {}, {}, {}
            self._acks.clear()
        return {key: value for key, value in told.items() if value}

    def _waiting(self) -> bool:
        return bool(self._points or self._views or self._acks or self._news)


class WebProcess:
    """Runs the dashboard process, sends it pending updates, and starts it again when it ends.

    One thread starts the process and writes to it, another reads from it.

    Parameters
    ----------
    config
        How to serve.
    outbox
        Updates to send.
    receive
        Called in the reading thread with each message from the process.
    """

    def __init__(
        self, config: Setting, outbox: Outbox, receive: Callable[[dict[str, Any]], None]
    ) -> None:
        self._config = config
        self._outbox = outbox
        self._receive = receive
        self._child: ChildProcess | None = None
        self._closed = threading.Event()
        self._started = threading.Event()
        self._start_error = ""
        self._writer = threading.Thread(target=self._run, name="dashboard", daemon=True)

    @property
    def pid(self) -> int | None:
        """Id of the process that runs now."""
        return self._child.process.pid if self._child is not None else None

    def begin(self) -> None:
        """Start the process, and return once it serves.

        Raises
        ------
        StreamerError
            It cannot serve at that address.
        """
        self._writer.start()
        started = self._started.wait(_START_TIMEOUT_S)
        if self._start_error or not started:
            self.close()
            where = f"{self._config['host']}:{self._config['port']}"
            raise StreamerError(
                f"cannot serve the dashboard at {where}: {self._start_error or 'it hangs'}; "
                "free the address or give another one: --dashboard-listen HOST:PORT"
            )

    def close(self) -> None:
        """End the process; calling it again does nothing."""
        self._closed.set()
        if self._child is not None:
            self._child.close()
        if self._writer.ident is not None:
            self._writer.join(_EXIT_TIMEOUT_S)

    def _run(self) -> None:
        backoff = Backoff()
        while not self._closed.is_set():
            self._outbox.renew()
            begun = time.monotonic()
            try:
                self._run_once()
            except ChildStartError as error:
                self._start_error = self._start_error or error.cause
            first = not self._started.is_set()
            self._started.set()
            if first or self._closed.is_set():
                return  # `begin` raises what fails at the first start
            logger.warning("the dashboard ended and starts again", extra={"cause": "dashboard"})
            self._receive({"watched": []})  # its viewers are gone
            self._closed.wait(backoff.next_delay(time.monotonic() - begun))

    def _run_once(self) -> None:
        """Start the process, and send it updates until it ends or `close` is called."""
        bounds = map(str, (limits.DASHBOARD_MEMORY_BYTES, limits.DASHBOARD_OPEN_FILES))
        child = ChildProcess(
            "-m", "streamer.outputs.dashboard.web", *bounds, name="dashboard process"
        )
        self._child = child
        reader = threading.Thread(target=self._read, args=(child,), daemon=True)
        reader.start()
        connected = child.send(self._config)
        while connected and not self._closed.is_set() and child.process.poll() is None:
            if updates := self._outbox.take(_POLL_S):
                connected = child.send(updates)
                self._closed.wait(PERIOD)
        child.close()
        reader.join()

    def _read(self, child: ChildProcess) -> None:
        """Pass on messages until the process ends; end it after an invalid message."""
        try:
            while isinstance(message := child.receive(), dict):
                if "ready" in message:
                    self._started.set()
                elif "failed" in message:
                    self._start_error = str(message["failed"])
                else:
                    self._receive(message)
        except MessageError as error:
            logger.warning("the dashboard process sent an invalid message (%s)", error)
        child.close()


MOST_POINTS = 600
"""Rows of each zone that wait while the process does not read: half a minute of 20 a second."""

_MOST_VIEWS = 20
_MOST_ACKS = 50
