"""The dashboard's child process, from the side of the run, and the updates that wait for it."""

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
from streamer.outputs.dashboard.ipc import ServerConfig

PERIOD_S = 0.05
"""Shortest time between two updates to the process, in seconds."""

MAX_PENDING_POINTS = 600
"""Most rows of a zone that wait for the process: half a minute at 20 per second."""

_MAX_PENDING_VIEWS = 20
_MAX_PENDING_ACKS = 50
_START_TIMEOUT_S = 30.0
_EXIT_TIMEOUT_S = 2.0
_POLL_S = 0.5

logger = logging.getLogger(__name__)


class PendingUpdates:
    """Bounded updates that wait for the dashboard process; any thread may add and pop.

    The oldest rows, views and answers are dropped first. Of a fact only the newest value is kept,
    and only where it changed.
    """

    def __init__(self) -> None:
        self._points: dict[str, deque[Sequence[Any]]] = {}
        self._views: dict[str, deque[Any]] = {}
        self._acks: deque[Any] = deque(maxlen=_MAX_PENDING_ACKS)
        self._facts: dict[str, Any] = {}
        self._new_facts: dict[str, Any] = {}
        self._changed = threading.Condition()

    def add_point(self, zone: str, row: Sequence[Any]) -> None:
        """Add a row of `POINT_COLUMNS`."""
        with self._changed:
            self._points.setdefault(zone, deque(maxlen=MAX_PENDING_POINTS)).append(row)
            self._changed.notify()

    def add_views(self, zone: str, views: Mapping[str, str]) -> None:
        """Add encoded frames of both views."""
        with self._changed:
            self._views.setdefault(zone, deque(maxlen=_MAX_PENDING_VIEWS)).append(views)
            self._changed.notify()

    def add_ack(self, ack: Mapping[str, Any]) -> None:
        """Add an answer to a command."""
        with self._changed:
            self._acks.append(ack)
            self._changed.notify()

    def set_fact(self, name: str, value: Any) -> None:
        """Set a current state; the same value again is not sent again."""
        with self._changed:
            if name not in self._facts or self._facts[name] != value:
                self._facts[name] = self._new_facts[name] = value
                self._changed.notify()

    def resend_facts(self) -> None:
        """Send every fact again: to a new process."""
        with self._changed:
            self._new_facts = dict(self._facts)

    def pop(self, timeout: float) -> dict[str, Any]:
        """Return and clear all updates, as `ipc` defines them; empty if none comes in time.

        Parameters
        ----------
        timeout
            Longest time to wait for the first, in seconds.
        """
        with self._changed:
            self._changed.wait_for(self._any, timeout)
            updates = {
                "points": {zone: list(rows) for zone, rows in self._points.items()},
                "views": {zone: list(views) for zone, views in self._views.items()},
                "acks": list(self._acks),
                "facts": self._new_facts,
            }
            self._points, self._views, self._new_facts = {}, {}, {}
            self._acks.clear()
        return {key: value for key, value in updates.items() if value}

    def _any(self) -> bool:
        return bool(self._points or self._views or self._acks or self._new_facts)


class WebProcess:
    """Runs the dashboard process, sends it pending updates, and starts it again when it ends.

    One thread starts the process and writes to it, another reads from it.

    Parameters
    ----------
    config
        How to serve.
    pending
        Updates to send.
    receive
        Called in the reading thread with each message from the process.
    """

    def __init__(
        self,
        config: ServerConfig,
        pending: PendingUpdates,
        receive: Callable[[dict[str, Any]], None],
    ) -> None:
        self._config = config
        self._pending = pending
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

    def start(self) -> None:
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
            self._pending.resend_facts()
            begun = time.monotonic()
            try:
                self._run_once()
            except ChildStartError as error:
                self._start_error = self._start_error or error.cause
            first = not self._started.is_set()
            self._started.set()
            if first or self._closed.is_set():
                return  # `start` raises what fails at the first start
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
            if updates := self._pending.pop(_POLL_S):
                connected = child.send(updates)
                self._closed.wait(PERIOD_S)
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
            logger.warning("restarting the dashboard: it sent an invalid message (%s)", error)
        child.close()
