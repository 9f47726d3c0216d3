"""Run mosquitto as a child process, and restart it if it ends."""

import asyncio
import atexit
import contextlib
import logging
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import IO

from streamer.errors import BrokerError
from streamer.helpers import Backoff

START_TIMEOUT = 5.0
"""Longest time until mosquitto listens, in seconds."""

_POLL_INTERVAL = 0.25  # seconds between two checks that the child still runs
_DISCONNECT_GRACE = 0.1  # seconds to read a client's DISCONNECT; else it publishes the last will

logger = logging.getLogger(__name__)


class PortTakenError(Exception):
    """Another program listens on the port."""


def find_mosquitto() -> str | None:
    """Return the path of the mosquitto program; None if it is not installed."""
    folders = (
        os.environ.get("PATH", os.defpath),
        "/usr/sbin",
        "/usr/local/sbin",
        "/opt/homebrew/sbin",
    )
    return shutil.which("mosquitto", path=os.pathsep.join(folders))


@contextlib.asynccontextmanager
async def run_mosquitto(program: str, host: str, port: int) -> AsyncIterator[None]:
    """Run mosquitto while the context is open, and restart it if it ends.

    Raises
    ------
    PortTakenError
        Another program listens on the port.
    BrokerError
        mosquitto does not start.
    """
    with tempfile.TemporaryDirectory(prefix="streamer-mqtt-") as folder:
        child = _Child(program, _write_config(Path(folder), host, port))
        try:
            await child.start()
            supervisor = asyncio.create_task(child.supervise(), name="mosquitto-supervisor")
            try:
                yield
            finally:
                supervisor.cancel()
                await asyncio.wait({supervisor})
                await asyncio.sleep(_DISCONNECT_GRACE)
        finally:
            child.stop()


def _write_config(folder: Path, host: str, port: int) -> Path:
    folder.chmod(0o755)  # mosquitto may run as a user of its own
    config = folder / "mosquitto.conf"
    config.write_text(_CONFIG.format(port=port, host=host), encoding="ascii")
    return config


_CONFIG = """\
listener {port} {host}
allow_anonymous true
persistence false
connection_messages false
set_tcp_nodelay true
log_dest stderr
log_type error
log_type warning
log_type notice
log_type information
"""


class _Child:
    """mosquitto process of this program."""

    def __init__(self, program: str, config: Path) -> None:
        self._command = [program, "-c", str(config)]
        self._log = config.with_suffix(".log")
        self._process: subprocess.Popen[bytes] | None = None
        atexit.register(self.stop)

    async def start(self) -> None:
        """Start the process and wait until it listens."""
        for command in self._command_variants():
            with self._log.open("wb") as log:
                self._process = _spawn(command, log)
            output, ended = "", False
            deadline = time.monotonic() + START_TIMEOUT
            while not ended and time.monotonic() < deadline:
                await asyncio.sleep(0.01)
                ended = self._process.poll() is not None
                output = self._log.read_text(errors="replace")
                if " running" in output and not ended:
                    return
            self._terminate()
            if "Address already in use" in output:
                raise PortTakenError
        last_line = (output.strip().splitlines() or ["no message"])[-1]
        raise BrokerError(
            f"cannot start the embedded broker (mosquitto): {last_line}; "
            "name another broker: --broker mqtt://HOST[:PORT]"
        )

    async def supervise(self) -> None:
        """Restart the process whenever it ends."""
        backoff = Backoff()
        while True:
            await asyncio.sleep(_POLL_INTERVAL)
            if self._process is None or self._process.poll() is not None:
                logger.warning("the embedded mosquitto ended; restarting it")
                await asyncio.sleep(backoff.next_delay())
                with contextlib.suppress(BrokerError, PortTakenError):
                    await self.start()

    def stop(self) -> None:
        """Terminate the process."""
        atexit.unregister(self.stop)
        self._terminate()

    def _command_variants(self) -> Iterator[list[str]]:
        """Yield the commands to try, the one with setpriv first."""
        # With setpriv, the kernel ends the child when this process is killed. A later change of
        # user would undo that, so as root setpriv has to change the user as well.
        if (setpriv := shutil.which("setpriv")) is not None:
            is_root = hasattr(os, "geteuid") and os.geteuid() == 0
            user = ["--reuid=mosquitto", "--regid=mosquitto", "--clear-groups"] if is_root else []
            yield [setpriv, "--pdeathsig", "TERM", *user, *self._command]
        yield self._command

    def _terminate(self) -> None:
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _spawn(command: list[str], log: IO[bytes]) -> "subprocess.Popen[bytes]":
    # In a process group of its own: Ctrl-C must reach only this process, which still has to
    # publish `offline`.
    try:
        return subprocess.Popen(  # noqa: S603 - a program we looked up, with our own configuration
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            env={**os.environ, "LC_ALL": "C"},  # its messages are parsed
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise BrokerError(
            f"cannot start {command[0]}: {why}; reinstall mosquitto, or name a broker: "
            "--broker mqtt://HOST[:PORT]"
        ) from None
