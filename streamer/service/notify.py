"""What a service says to its service manager: one datagram for each message (sd_notify(3))."""

import contextlib
import logging
import os
import socket
from collections.abc import MutableMapping
from typing import Self

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
