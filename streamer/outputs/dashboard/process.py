"""The dashboard's process, from our side."""

import contextlib
import json
import logging
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any

from streamer import limits
from streamer.errors import StreamerError
from streamer.helper import start_helper
from streamer.outputs.dashboard.outbox import Outbox
from streamer.outputs.dashboard.words import Setting
from streamer.retry import Backoff

PERIOD = 0.05
"""Seconds between two lines to the process, at least."""

_START_PATIENCE = 30.0
_LEAVE_PATIENCE = 2.0
_LOOK = 0.5

logger = logging.getLogger(__name__)


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
            self._over.wait(backoff.delay(time.monotonic() - started))

    def _run_once(self) -> None:
        """Start the process, and tell it what is new until it is gone or not wanted any more."""
        bounds = map(str, (limits.DASHBOARD_MEMORY, limits.DASHBOARD_FILES))
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
            while line := process.stdout.readline(limits.TEXT_BYTES):
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
