"""What a service says to its service manager: one datagram for each message (sd_notify(3)).

Tells systemd how a run fares: ready, alive, reloading, stopping, and a line for `status`.
"""

import asyncio
import contextlib
import logging
import os
import socket
import time
from collections.abc import Iterator, MutableMapping
from typing import Self

from streamer.app.health import Liveness, Survey

logger = logging.getLogger(__name__)

_OURS = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")


class Notifier:
    """Speaks to the service manager; where there is none, nobody hears it.

    Parameters
    ----------
    address
        Path of the manager's socket; of an abstract one with "@" in front. Empty for none.
    watchdog
        Seconds after which a manager that heard no `WATCHDOG=1` ends the program; None where it
        does not.
    """

    def __init__(self, address: str = "", watchdog: float | None = None) -> None:
        self.watchdog = watchdog
        self._socket: socket.socket | None = None
        if address:
            try:
                self._socket = _connected(address)
            except (OSError, AttributeError, ValueError) as error:
                logger.warning("the service manager at %s cannot be told: %s", address, error)

    @classmethod
    def of(cls, environ: MutableMapping[str, str]) -> Self:
        """Read the environment, and keep what it says of us from our child processes."""
        address, period, process = (environ.pop(name, "") for name in _OURS)
        meant = process in ("", str(os.getpid()))
        seconds = int(period) / 1e6 if period.isdecimal() and meant else 0.0
        return cls(address, seconds or None)

    @property
    def there(self) -> bool:
        """Whether anybody hears."""
        return self._socket is not None

    def say(self, *assignments: str) -> bool:
        """Say one message of assignments such as `READY=1`; never waits.

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
        """Say nothing any more."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _connected(address: str) -> socket.socket:
    path = "\0" + address[1:] if address.startswith("@") else address
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    opened.setblocking(False)
    try:
        opened.connect(path)
    except BaseException:
        opened.close()
        raise
    return opened


GRACE = 10.0
"""Seconds after which a run is ready although not all of it is there yet."""

LOOK = 5.0
"""Seconds between two looks, at most."""

_BEFORE_READY = 0.25  # seconds
_LONGEST = 500  # characters of a status line

logger = logging.getLogger(__name__)


class Supervised:
    """Looks at a run every few seconds, and says what it finds.

    Ready is a run of which every zone has given an estimate and the broker knows; or one that has
    run for `GRACE` seconds: what is still away is waited for, and is no reason to be held up or
    ended. `WATCHDOG=1` is said at each look that finds the run alive, see `Liveness`; an event loop
    that hangs does not look.

    Parameters
    ----------
    notifier
        Who is told.
    survey
        The run.

    Attributes
    ----------
    liveness
        Whether the run lives.
    """

    def __init__(self, notifier: Notifier, survey: Survey) -> None:
        watchdog = notifier.watchdog
        self._interval = min(LOOK, watchdog / 2) if watchdog else LOOK
        self.liveness = Liveness(survey.trackers, self._interval)
        self._notifier = notifier
        self._survey = survey
        self._ready = False
        self._said = ""

    async def run(self) -> None:
        """Look and tell until cancelled."""
        begun = time.monotonic()
        looked = float("-inf")
        while True:
            now = time.monotonic()
            if not self._ready:
                self._be_ready(waited=now - begun)
            if now - looked >= self._interval:
                looked = now
                self._look()
            waits = self._notifier.there and not self._ready
            await asyncio.sleep(_BEFORE_READY if waits else self._interval)

    @contextlib.contextmanager
    def reloading(self) -> Iterator[None]:
        """Tell that the configuration is read again, for the length of the context."""
        if not self._ready:
            yield
            return
        now = time.monotonic_ns() // 1000
        self._notifier.say("RELOADING=1", f"MONOTONIC_USEC={now}")
        try:
            yield
        finally:
            self._notifier.say("READY=1")

    def stopping(self) -> None:
        """Tell that the run ends; no look after that tells anything."""
        self._notifier.say("STOPPING=1")
        self._notifier.close()

    def _be_ready(self, waited: float) -> None:
        survey = self._survey
        whole = survey.publisher.connected and all(
            tracker.estimates for tracker in survey.trackers.values()
        )
        if whole or waited >= GRACE:
            self._ready = self._notifier.say("READY=1", f"STATUS={self._status()}")

    def _look(self) -> None:
        before, trouble = self.liveness.trouble, self.liveness.look()
        if trouble and not before:
            logger.error("%s", trouble, extra={"cause": "stuck"})
        elif before and not trouble:
            logger.info("estimates come again", extra={"cause": "stuck no more"})
        if not self._notifier.there:
            return
        status = self._status()
        if status != self._said:
            self._notifier.say(f"STATUS={status}")
            self._said = status
        if not trouble:
            self._notifier.say("WATCHDOG=1")

    def _status(self) -> str:
        """Return one line: the zones and the broker."""
        publisher = self._survey.publisher
        parts = [
            f"{zone}: {health.state}" + (f" ({health.reason})" if health.reason else "")
            for zone, health in self._survey.health().items()
        ]
        away = "" if publisher.connected else ", away"
        line = "; ".join([*parts, f"broker {publisher.address}{away}"])
        return " ".join(line.split())[:_LONGEST]
