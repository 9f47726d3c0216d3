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
"""What the fleet wants beside mosquitto's defaults."""
_FIRST_EPHEMERAL = 32768


class MeasuredBroker:
    """A mosquitto, its processor time and its memory.

    Attributes
    ----------
    port
        On 127.0.0.1.
    """

    def __init__(self, folder: Path, core: int | None) -> None:
        self._mosquitto = Mosquitto(folder, *OPTIONS, port=_lasting_port())
        self.port = self._mosquitto.port
        self._core = core
        self._process: psutil.Process | None = None

    def start(self) -> None:
        """Start it, on its core; it listens when this returns."""
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
        """End it at once."""
        self._mosquitto.kill()

    def cpu_seconds(self) -> float:
        """Processor time so far, in the program and in the kernel for it."""
        if self._process is None:
            return 0.0
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def resident_kb(self) -> float:
        """Resident memory in kB of 1024 bytes."""
        return self._process.memory_info().rss / 1024 if self._process is not None else 0.0


@contextlib.contextmanager
def running(core: int | None) -> Iterator[MeasuredBroker]:
    """Run one for the length of the context."""
    with tempfile.TemporaryDirectory() as folder:
        broker = MeasuredBroker(Path(folder), core)
        broker.start()
        try:
            yield broker
        finally:
            broker.kill()


@contextlib.contextmanager
def two_cores() -> Iterator[int | None]:
    """Keep this thread off one core, and give that one's number; None where there is but one."""
    before = os.sched_getaffinity(0)
    core = min(before) if len(before) > 1 else None
    if core is not None:
        os.sched_setaffinity(0, before - {core})
    try:
        yield core
    finally:
        os.sched_setaffinity(0, before)


def own_cpu_seconds() -> float:
    """Processor time of this process so far."""
    return time.process_time()


def busy_seconds() -> float:
    """Processor time of the whole machine so far."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - times.iowait - times.guest - times.guest_nice)


def _lasting_port() -> int:
    """Return a free port that the kernel gives to no client.

    Thousands of clients that try a port on which nobody listens would sooner or later be given that
    port as their own, and be connected with themselves.
    """
    while True:
        port = random.randrange(20000, _FIRST_EPHEMERAL)
        with contextlib.suppress(OSError), socket.socket() as sock:
            sock.bind(("127.0.0.1", port))
            return port
