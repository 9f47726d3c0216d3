"""The dashboard's process, from our side.

What waits to be told to the dashboard's process.
"""

import contextlib
import json
import logging
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from streamer import limits
from streamer.child.process import start_helper
from streamer.errors import StreamerError
from streamer.helpers import Backoff
from streamer.outputs.dashboard.ipc import Setting

PERIOD = 0.05
"""Seconds between two lines to the process, at least."""

_START_PATIENCE = 30.0
_LEAVE_PATIENCE = 2.0
_LOOK = 0.5

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
    """Keeps the dashboard's process running, tells it what is in the outbox, hears what it says.

    One thread starts the process and writes to it, for Linux ends a guarded process with the thread
    that started it; another one reads.

    Parameters
    ----------
    setting
        How to serve.
    outbox
        What is to be told.
    hear
        Called in the reading thread with whatever the process says.
    """

    def __init__(
        self, setting: Setting, outbox: Outbox, hear: Callable[[dict[str, Any]], None]
    ) -> None:
        self._setting = setting
        self._outbox = outbox
        self._hear = hear
        self._process: subprocess.Popen[bytes] | None = None
        self._over = threading.Event()
        self._begun = threading.Event()
        self._failed = ""
        self._keeper = threading.Thread(target=self._keep, name="dashboard", daemon=True)

    @property
    def pid(self) -> int | None:
        """Of the process that runs now."""
        return self._process.pid if self._process is not None else None

    def begin(self) -> None:
        """Return once it serves.

        Raises
        ------
        StreamerError
            It cannot serve there.
        """
        self._keeper.start()
        begun = self._begun.wait(_START_PATIENCE)
        if self._failed or not begun:
            self.close()
            where = f"{self._setting['host']}:{self._setting['port']}"
            raise StreamerError(
                f"the dashboard cannot be served at {where} ({self._failed or 'it hangs'}); "
                "free the address or give another one: --dashboard-listen HOST:PORT"
            )

    def close(self) -> None:
        """End the process; more than once is fine."""
        self._over.set()
        if self._process is not None:
            self._process.kill()  # it has nothing to keep
        if self._keeper.ident is not None:
            self._keeper.join(_LEAVE_PATIENCE)

    def _keep(self) -> None:
        backoff = Backoff()
        while not self._over.is_set():
            self._outbox.renew()
            started = time.monotonic()
            try:
                self._run_once()
            except (OSError, subprocess.SubprocessError) as error:
                self._failed = self._failed or str(error)
            first = not self._begun.is_set()
            self._begun.set()
            if first or self._over.is_set():
                return  # what fails at the start is told by `begin`
            logger.warning("the dashboard ended and starts again", extra={"cause": "dashboard"})
            self._hear({"watched": []})  # its viewers are gone
            self._over.wait(backoff.next_delay(time.monotonic() - started))

    def _run_once(self) -> None:
        """Start the process, and tell it what is new until it is gone or not wanted any more."""
        bounds = map(str, (limits.DASHBOARD_MEMORY_BYTES, limits.DASHBOARD_OPEN_FILES))
        self._process = process = start_helper("-m", "streamer.outputs.dashboard.web", *bounds)
        reader = threading.Thread(target=self._read, args=(process,), daemon=True)
        reader.start()
        try:
            _tell(process, self._setting)
            while not self._over.is_set() and process.poll() is None:
                if told := self._outbox.take(_LOOK):
                    _tell(process, told)
                    self._over.wait(PERIOD)
        except (OSError, ValueError):
            pass  # it is gone
        finally:
            process.kill()
            process.wait()
            reader.join()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()

    def _read(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout is not None  # noqa: S101 - a pipe
        with contextlib.suppress(ValueError):  # what is no JSON comes from no dashboard of ours
            while line := process.stdout.readline(limits.MAX_TEXT_MESSAGE_BYTES):
                said = json.loads(line)
                if "ready" in said:
                    self._begun.set()
                elif "failed" in said:
                    self._failed = str(said["failed"])
                else:
                    self._hear(said)
        process.kill()


def _tell(process: "subprocess.Popen[bytes]", content: Any) -> None:
    assert process.stdin is not None  # noqa: S101 - a pipe
    process.stdin.write(json.dumps(content, separators=(",", ":")).encode() + b"\n")
    process.stdin.flush()


MOST_POINTS = 600
"""Rows of each zone that wait while the process does not read: half a minute of 20 a second."""

_MOST_VIEWS = 20
_MOST_ACKS = 50
