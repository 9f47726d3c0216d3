"""mosquitto as a child process."""

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
"""Seconds it may take to start."""

_FAREWELL = 0.1  # seconds; a client whose leave it has not yet read is given its will

logger = logging.getLogger(__name__)


class PortTakenError(Exception):
    """Another program listens on the port."""


def find_mosquitto() -> str | None:
    """Return the path of the mosquitto program, None if it is not installed."""
    places = (
        os.environ.get("PATH", os.defpath),
        "/usr/sbin",
        "/usr/local/sbin",
        "/opt/homebrew/sbin",
    )
    return shutil.which("mosquitto", path=os.pathsep.join(places))


@contextlib.asynccontextmanager
async def run_mosquitto(program: str, host: str, port: int) -> AsyncIterator[None]:
    """Run mosquitto for the length of the context, and start it again should it end.

    Raises
    ------
    PortTakenError
        Another program listens on the port.
    BrokerError
        It does not start.
    """
    with tempfile.TemporaryDirectory(prefix="streamer-mqtt-") as folder:
        child = _Child(program, _write_config(Path(folder), host, port))
        try:
            await child.start()
            keeper = asyncio.create_task(child.keep(), name="mosquitto-keeper")
            try:
                yield
            finally:
                keeper.cancel()
                await asyncio.wait({keeper})
                await asyncio.sleep(_FAREWELL)
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
    """A mosquitto process; ended by its own id."""

    def __init__(self, program: str, config: Path) -> None:
        self._plain = [program, "-c", str(config)]
        self._log = config.with_suffix(".log")
        self._process: subprocess.Popen[bytes] | None = None
        atexit.register(self.stop)

    async def start(self) -> None:
        """Start it and wait until it listens."""
        for command in self._commands():
            with self._log.open("wb") as log:
                self._process = _spawn(command, log)
            said, ended = "", False
            deadline = time.monotonic() + START_TIMEOUT
            while not ended and time.monotonic() < deadline:
                await asyncio.sleep(0.01)
                ended = self._process.poll() is not None
                said = self._log.read_text(errors="replace")
                if " running" in said and not ended:
                    return
            self._end()
            if "Address already in use" in said:
                raise PortTakenError
        last = said.strip().splitlines()[-1:] or ["no message"]
        raise BrokerError(
            f"the embedded mosquitto did not start ({last[0]}); "
            "name another broker: --broker mqtt://HOST[:PORT]"
        )

    async def keep(self) -> None:
        """Start it again whenever it ends."""
        backoff = Backoff()
        while True:
            await asyncio.sleep(0.25)
            if self._process is None or self._process.poll() is not None:
                logger.warning("the embedded mosquitto ended; starting it again")
                await asyncio.sleep(backoff.next_delay())
                with contextlib.suppress(BrokerError, PortTakenError):
                    await self.start()

    def stop(self) -> None:
        """End it."""
        atexit.unregister(self.stop)
        self._end()

    def _commands(self) -> Iterator[list[str]]:
        # setpriv lets the kernel end the child when we are killed. A change of user after it would
        # undo that, so root changes the user by it too.
        if (setpriv := shutil.which("setpriv")) is not None:
            root = hasattr(os, "geteuid") and os.geteuid() == 0
            user = ["--reuid=mosquitto", "--regid=mosquitto", "--clear-groups"] if root else []
            yield [setpriv, "--pdeathsig", "TERM", *user, *self._plain]
        yield self._plain

    def _end(self) -> None:
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
    # In a group of its own: Ctrl-C must reach us first, so that `offline` is still delivered.
    try:
        return subprocess.Popen(  # noqa: S603 - a program we looked up, with our own configuration
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            env={**os.environ, "LC_ALL": "C"},  # its messages are read
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise BrokerError(
            f"{command[0]} cannot be started ({why}); install mosquitto anew, or name a broker: "
            "--broker mqtt://HOST[:PORT]"
        ) from None
