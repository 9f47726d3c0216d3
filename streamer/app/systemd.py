"""Report a run to systemd: ready, watchdog, reloading, stopping, status line (sd_notify(3))."""

import asyncio
import contextlib
import logging
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Self

from streamer.app.health import StallDetector
from streamer.mqtt import BrokerStatus, Health
from streamer.tracking.zone import ZoneTracker

READY_TIMEOUT = 10.0
"""Seconds after which a run is reported ready although a zone or the broker is still missing."""

CHECK_INTERVAL = 5.0
"""Seconds between two checks, at most."""

_CHECK_INTERVAL_BEFORE_READY = 0.25  # seconds
_MAX_STATUS_LENGTH = 500  # characters
_VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")

logger = logging.getLogger(__name__)


class Notifier:
    """Sends sd_notify messages; without a service manager every call does nothing.

    Parameters
    ----------
    address
        Path of the manager's socket, with a leading "@" for an abstract one. Empty for none.
    watchdog
        Seconds after which the manager ends the program without `WATCHDOG=1`; None for never.
    """

    def __init__(self, address: str = "", watchdog: float | None = None) -> None:
        self.watchdog = watchdog
        self._socket: socket.socket | None = None
        if address:
            try:
                self._socket = _connect(address)
            except (OSError, AttributeError, ValueError) as error:
                logger.warning("cannot notify the service manager at %s: %s", address, error)

    @classmethod
    def from_environment(cls, environ: MutableMapping[str, str]) -> Self:
        """Read systemd's variables, and remove them so that child processes do not inherit them."""
        address, period, process = (environ.pop(name, "") for name in _VARIABLES)
        for_this_process = process in ("", str(os.getpid()))
        seconds = int(period) / 1e6 if period.isdecimal() and for_this_process else 0.0
        return cls(address, seconds or None)

    @property
    def connected(self) -> bool:
        """Whether there is a service manager."""
        return self._socket is not None

    def send(self, *assignments: str) -> bool:
        """Send one message of assignments such as `READY=1`; never blocks.

        Returns
        -------
        Whether it was delivered.
        """
        if self._socket is None:
            return False
        with contextlib.suppress(OSError):  # the manager is busy, or is being replaced
            self._socket.send("\n".join(assignments).encode())
            return True
        return False

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class SystemdReporter:
    """Reports readiness, liveness and status of a run, and logs stalls.

    A run is ready once every zone has an estimate and the broker is connected, or after
    `READY_TIMEOUT` seconds: what is missing then is retried and must not block start-up.
    `WATCHDOG=1` is sent after each check without a stalled zone; a hung event loop does not check.

    Parameters
    ----------
    notifier
        Connection to the service manager.
    trackers
        By zone id.
    health
        Returns the health of each zone.
    broker
        Returns the connection to the broker.
    """

    def __init__(
        self,
        notifier: Notifier,
        trackers: Mapping[str, ZoneTracker],
        health: Callable[[], Mapping[str, Health]],
        broker: Callable[[], BrokerStatus],
    ) -> None:
        watchdog = notifier.watchdog
        self._interval = min(CHECK_INTERVAL, watchdog / 2) if watchdog else CHECK_INTERVAL
        self._stall_detector = StallDetector(trackers, self._interval)
        self._notifier = notifier
        self._trackers = trackers
        self._health = health
        self._broker = broker
        self._ready = False
        self._status = ""

    @property
    def stall(self) -> str:
        """The stalled zones, in words; empty if none."""
        return self._stall_detector.stall

    async def run(self) -> None:
        """Check and report until cancelled."""
        started = time.monotonic()
        checked = float("-inf")
        while True:
            now = time.monotonic()
            if not self._ready:
                self._report_ready(elapsed=now - started)
            if now - checked >= self._interval:
                checked = now
                self._check()
            starting = self._notifier.connected and not self._ready
            await asyncio.sleep(_CHECK_INTERVAL_BEFORE_READY if starting else self._interval)

    @contextlib.contextmanager
    def reloading(self) -> Iterator[None]:
        """Report `RELOADING=1` for the length of the context."""
        if not self._ready:
            yield
            return
        now = time.monotonic_ns() // 1000
        self._notifier.send("RELOADING=1", f"MONOTONIC_USEC={now}")
        try:
            yield
        finally:
            self._notifier.send("READY=1")

    def stopping(self) -> None:
        """Report `STOPPING=1`; nothing is sent afterwards."""
        self._notifier.send("STOPPING=1")
        self._notifier.close()

    def _report_ready(self, elapsed: float) -> None:
        complete = self._broker().connected and all(
            tracker.status.estimates for tracker in self._trackers.values()
        )
        if complete or elapsed >= READY_TIMEOUT:
            self._ready = self._notifier.send("READY=1", f"STATUS={self._status_line()}")

    def _check(self) -> None:
        before, stall = self.stall, self._stall_detector.check()
        if stall and not before:
            logger.error("%s", stall, extra={"cause": "stalled"})
        elif before and not stall:
            logger.info("all zones have estimates again", extra={"cause": "recovered"})
        if not self._notifier.connected:
            return
        status = self._status_line()
        if status != self._status:
            self._notifier.send(f"STATUS={status}")
            self._status = status
        if not stall:
            self._notifier.send("WATCHDOG=1")

    def _status_line(self) -> str:
        """Return the states of zones and broker on one line."""
        broker = self._broker()
        parts = [
            f"{zone}: {health.state}" + (f" ({health.reason})" if health.reason else "")
            for zone, health in self._health().items()
        ]
        away = "" if broker.connected else ", away"
        line = "; ".join([*parts, f"broker {broker.address}{away}"])
        return " ".join(line.split())[:_MAX_STATUS_LENGTH]


def _connect(address: str) -> socket.socket:
    path = "\0" + address[1:] if address.startswith("@") else address
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    opened.setblocking(False)
    try:
        opened.connect(path)
    except BaseException:
        opened.close()
        raise
    return opened
