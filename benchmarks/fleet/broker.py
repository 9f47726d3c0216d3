"""Run the measured broker: a real mosquitto pinned to a core of its own."""

import contextlib
import os
import random
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.support.mosquitto import Mosquitto

OPTIONS = (
    "allow_anonymous true",
    "persistence false",
    "connection_messages false",
    "log_type error",
    "set_tcp_nodelay true",
    "max_inflight_messages 1000",
    "max_queued_messages 100000",
)
"""Mosquitto options that differ from its defaults."""
_FIRST_EPHEMERAL = 32768


class MeasuredBroker:
    """Mosquitto broker with measured CPU time and memory.

    Attributes
    ----------
    port
        TCP port on 127.0.0.1.
    """

    def __init__(self, folder: Path, core: int | None) -> None:
        self._mosquitto = Mosquitto(folder, *OPTIONS, port=_stable_port())
        self.port = self._mosquitto.port
        self._core = core
        self._process: psutil.Process | None = None

    def start(self) -> None:
        """Start the broker on its core; return when it listens."""
        self._mosquitto.start()
        name = f"mosquitto-{self.port}.conf"
        self._process = next(
            child
            for child in psutil.Process().children()
            if child.cmdline()[-1:] and child.cmdline()[-1].endswith(name)
        )
        if self._core is not None:
            os.sched_setaffinity(self._process.pid, {self._core})

    def kill(self) -> None:
        """Kill the broker."""
        self._mosquitto.kill()

    def cpu_seconds(self) -> float:
        """Return its CPU time so far, user and system, s."""
        if self._process is None:
            return 0.0
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def resident_kb(self) -> float:
        """Return its resident memory, KiB."""
        return self._process.memory_info().rss / 1024 if self._process is not None else 0.0


@contextlib.contextmanager
def running(core: int | None) -> Iterator[MeasuredBroker]:
    """Run a broker for the duration of the context."""
    with tempfile.TemporaryDirectory() as folder:
        broker = MeasuredBroker(Path(folder), core)
        broker.start()
        try:
            yield broker
        finally:
            broker.kill()


@contextlib.contextmanager
def reserved_core() -> Iterator[int | None]:
    """Reserve a core by moving this thread off it; yield its number, None with one core only."""
    before = os.sched_getaffinity(0)
    core = min(before) if len(before) > 1 else None
    if core is not None:
        os.sched_setaffinity(0, before - {core})
    try:
        yield core
    finally:
        os.sched_setaffinity(0, before)


def own_cpu_seconds() -> float:
    """Return the CPU time of this process so far, s."""
    return time.process_time()


def busy_seconds() -> float:
    """Return the CPU time of all processes so far, s."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - times.iowait - times.guest - times.guest_nice)


def _stable_port() -> int:
    """Return a free port below the ephemeral range.

    A client that connects to an unused ephemeral port may be assigned the same port as its source,
    and connect to itself; with thousands of clients this happens.
    """
    while True:
        port = random.randrange(20000, _FIRST_EPHEMERAL)
        with contextlib.suppress(OSError), socket.socket() as sock:
            sock.bind(("127.0.0.1", port))
            return port
