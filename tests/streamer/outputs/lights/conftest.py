"""Shows from text, light controllers with a fake network and clock, and real receivers.

The `venue` is a network namespace, so no packet leaves the machine. It runs OLA (sACN and Art-Net),
mosquitto, `oscdump` and the programs of a test.
"""

import contextlib
import ctypes
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sacn.messages.data_packet import DataPacket, calculate_multicast_addr

from streamer.outputs.lights import LightController, Show, load_show
from streamer.outputs.lights.udp_sender import UdpSender
from streamer.tracking import Affect

PROGRAM = str(Path(sys.executable).with_name("streamer"))
PROGRAMS = (
    "olad",
    "ola_patch",
    "mosquitto",
    "mosquitto_pub",
    "oscdump",
    "unshare",
    "nsenter",
    "ip",
)
OURS, THEIRS = "10.99.0.1", "10.99.0.2"
OLA_HTTP, BROKER, SACN = 19090, 1883, 5568
SO_TIMESTAMPNS = 35  # Linux constant that Python does not name
OTHER_PLUGINS = [
    "dummy", "espnet", "ftdidmx", "gpio", "karate", "kinet", "milinst", "opendmx",
    "openpixelcontrol", "osc", "pathport", "renard", "sandnet", "shownet", "spi", "stageprofi",
    "uartdmx", "usbdmx", "usbserial",
]  # fmt: skip

BASE = """
[palettes.stage]
anchors = [
  { valence = 1, arousal = 0, color = "#ff8000" },
  { valence = -1, arousal = 0, color = "#0000ff" },
]
[[outputs]]
name = "stage"
protocol = "sacn"
"""


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Show]:
    """Load a show from text, by default after a palette and a sACN output, both "stage"."""

    def make(text: str, base: str = BASE) -> Show:
        file = tmp_path / "show.toml"
        file.write_text(base + text)
        return load_show(file)

    return make


class FakeNetwork:
    """Record datagrams with time and destination; its clock drives the lights."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.sent: list[tuple[float, bytes, tuple[str, int]]] = []
        self.error: OSError | None = None

    def sendto(self, datagram: bytes, where: tuple[str, int]) -> None:
        if self.error is not None:
            raise self.error
        self.sent.append((self.now, datagram, where))

    def close(self) -> None:
        pass

    def packets(self) -> list[DataPacket]:
        return [
            DataPacket.make_data_packet(datagram)
            for _, datagram, where in self.sent
            if where[1] == SACN
        ]

    def levels(self, universe: int = 1) -> tuple[int, ...]:
        """Return the levels last sent to a universe."""
        return [each for each in self.packets() if each.universe == universe][-1].dmxData

    def play(self, lights: LightController, seconds: float, rate: float = 40.0) -> None:
        """Advance the clock, rendering a frame at each step."""
        for _ in range(round(seconds * rate)):
            self.now += 1 / rate
            lights.render_frame()


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> FakeNetwork:
    network = FakeNetwork()
    monkeypatch.setattr(UdpSender, "_open", lambda sender: network)
    return network


@pytest.fixture
def start_lights(load: Callable[..., Show], network: FakeNetwork) -> Callable[..., LightController]:
    """Create a light controller from show text, on the fake network."""

    def make(text: str, base: str = BASE) -> LightController:
        return LightController(load(text, base), node="studio", clock=lambda: network.now)

    return make


def affect(valence: float = 0.0, arousal: float = 0.0) -> Affect:
    return Affect(valence, arousal, 0.1, 0.2)


@pytest.fixture(name="affect")
def affect_fixture() -> Callable[..., Affect]:
    return affect


class Venue:
    """A network namespace, with a thread inside it."""

    def __init__(self) -> None:
        self._processes: list[subprocess.Popen[Any]] = []
        self._holder = subprocess.Popen(["unshare", "-n", "sleep", "infinity"])
        own, ours = Path("/proc/self/ns/net"), Path(f"/proc/{self._holder.pid}/ns/net")
        while ours.readlink() == own.readlink():
            time.sleep(0.01)
        self._thread = ThreadPoolExecutor(1, initializer=_enter, initargs=(ours,))
        for words in (
            "link set lo up",
            "link add v0 type veth peer name v1",
            f"addr add {OURS}/24 dev v0",
            f"addr add {THEIRS}/24 dev v1",
            "link set v0 up",
            "link set v1 up",
            "route add 239.0.0.0/8 dev v1",  # loops multicast back
        ):
            self.start("ip", *words.split()).wait()

    def inside(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function inside; a socket that it opens belongs to the namespace."""
        return self._thread.submit(function, *arguments).result(20)

    def start(self, *command: object, **options: Any) -> subprocess.Popen[Any]:
        """Start a program inside."""
        enter = ["nsenter", "-t", str(self._holder.pid), "-n", "--"]
        process = subprocess.Popen([*enter, *map(str, command)], **options)
        self._processes.append(process)
        return process

    def close(self) -> None:
        self._thread.shutdown()
        for process in [*reversed(self._processes), self._holder]:
            end(process)


def end(process: subprocess.Popen[Any], number: int = signal.SIGTERM) -> int:
    """Send a signal to a process and wait for its end."""
    if process.stdin is not None:
        process.stdin.close()
    if process.poll() is None:
        process.send_signal(number)
    try:
        return process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _enter(namespace: Path) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    with namespace.open() as file:
        if libc.setns(file.fileno(), 0x40000000):  # CLONE_NEWNET; os.setns comes with Python 3.12
            raise OSError(ctypes.get_errno(), "setns")


@pytest.fixture(scope="module")
def venue() -> Iterator[Venue]:
    if os.geteuid() != 0:
        pytest.skip("a network namespace needs root")
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    assert not missing, (
        f"missing: {missing}: apt install ola liblo-tools iproute2 mosquitto-clients"
    )
    venue = Venue()
    try:
        yield venue
    finally:
        venue.close()


class Ola:
    """A real olad, patched to sACN universe 1 and Art-Net universe 2."""

    def __init__(self, venue: Venue, folder: Path) -> None:
        self._venue = venue
        for plugin in OTHER_PLUGINS:
            folder.joinpath(f"ola-{plugin}.conf").write_text("enabled = false\n")
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, "olad")
        user = ("setpriv", "--reuid=olad", "--regid=nogroup", "--init-groups")
        command = ("olad", "-c", folder, "--http-port", OLA_HTTP, "-i", "v1", "-l", 0)
        venue.start(*user, *command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        devices = until(self._devices, 10)
        for name, universe in (("E1.31", 1), ("ArtNet", 2)):
            patch = ("ola_patch", "-d", devices[name], "-p", 0, "-i", "-u", universe)
            assert venue.start(*patch).wait() == 0

    def _devices(self) -> dict[str, str]:
        """Return device numbers by name, once both devices exist."""
        process = self._venue.start(
            "ola_dev_info", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        lines = [
            line for line in process.communicate()[0].splitlines() if line.startswith("Device")
        ]
        devices = {line.split()[2]: line.split()[1].rstrip(":") for line in lines}
        return devices if {"E1.31", "ArtNet"} <= devices.keys() else {}

    def levels(self, universe: int) -> list[int]:
        """Return the levels that OLA received for a universe."""
        url = f"http://127.0.0.1:{OLA_HTTP}/get_dmx?u={universe}"
        return self._venue.inside(lambda: json.load(urllib.request.urlopen(url, timeout=2)))["dmx"]


@pytest.fixture(scope="module")
def ola(venue: Venue) -> Iterator[Ola]:
    folder = Path(tempfile.mkdtemp(prefix="streamer-ola-"))
    try:
        yield Ola(venue, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def broker_inside(venue: Venue, tmp_path_factory: pytest.TempPathFactory) -> str:
    """URL of a mosquitto inside the venue."""
    file = tmp_path_factory.mktemp("venue") / "mosquitto.conf"
    file.write_text(f"user root\nlistener {BROKER} 127.0.0.1\nallow_anonymous true\n")
    venue.start("mosquitto", "-c", file, stderr=subprocess.DEVNULL)

    def listens() -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", BROKER), 1):
            return True
        return False

    until(lambda: venue.inside(listens), 5)
    return f"mqtt://127.0.0.1:{BROKER}"


class FakeRun:
    """Publish estimates of the zone `main` as `streamer run` does."""

    def __init__(self, venue: Venue) -> None:
        command = ("mosquitto_pub", "-l", "-p", BROKER, "-t", "streamer/test/main/va")
        self._process = venue.start(*command, stdin=subprocess.PIPE, text=True)
        self._seq = 0

    def publish(self, valence: float, arousal: float, *, silence: bool = False) -> None:
        point = {"valence": valence, "arousal": arousal}
        message = {"v": 1, "ts": 1, "seq": self._seq, **point, "raw": point, "silence": silence}
        message |= {"valence_std": 0.1, "arousal_std": 0.1, "warm": 1.0, "latency_ms": 10.0}
        self._seq += 1
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()

    def close(self) -> None:
        end(self._process)


@pytest.fixture
def fake_run(venue: Venue, broker_inside: str) -> Iterator[FakeRun]:
    fake_run = FakeRun(venue)
    yield fake_run
    fake_run.close()


class Desk:
    """Another sACN source on universe 1, at the usual priority of a desk."""

    def __init__(self, venue: Venue) -> None:
        self._socket = venue.inside(socket.socket, socket.AF_INET, socket.SOCK_DGRAM)
        self._packet = DataPacket(tuple(range(16)), "desk", 1, priority=100)

    def priority(self, priority: int) -> None:
        self._packet.priority = priority

    def send(self, *levels: int) -> None:
        self._packet.dmxData = levels
        self._transmit()

    def stop(self) -> None:
        self._packet.option_StreamTerminated = True
        for _ in range(3):
            self._transmit()
        self._socket.close()

    def _transmit(self) -> None:
        where = (calculate_multicast_addr(1), SACN)
        self._socket.sendto(bytes(self._packet.getBytes()), where)
        self._packet.sequence_increase()


@pytest.fixture
def desk(venue: Venue) -> Desk:
    return Desk(venue)


class Sniffer:
    """A second receiver of sACN universe 1."""

    def __init__(self, venue: Venue) -> None:
        self._socket: socket.socket = venue.inside(self._open)

    def _open(self) -> socket.socket:
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(("", SACN))
        group = socket.inet_aton(calculate_multicast_addr(1)) + socket.inet_aton(THEIRS)
        opened.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
        opened.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        opened.setblocking(False)
        return opened

    def received(self) -> list[tuple[float, DataPacket]]:
        """Return the packets since the last call, with their times of arrival."""
        packets = []
        with contextlib.suppress(BlockingIOError):
            while True:
                datagram, extra, *_ = self._socket.recvmsg(2048, 64)
                seconds, nanoseconds = struct.unpack("qq", extra[0][2])
                packet = DataPacket.make_data_packet(datagram)
                packets.append((seconds + nanoseconds / 1e9, packet))
        return packets

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def sniffer(venue: Venue) -> Iterator[Sniffer]:
    sniffer = Sniffer(venue)
    yield sniffer
    sniffer.close()


@pytest.fixture
def start_streamer_lights(
    venue: Venue, broker_inside: str, tmp_path: Path
) -> Iterator[Callable[..., subprocess.Popen[Any]]]:
    """Start `streamer lights` in the venue with a show from text."""
    started = []

    def start(text: str) -> subprocess.Popen[Any]:
        (tmp_path / "show.toml").write_text(text)
        command = (PROGRAM, "lights", tmp_path / "show.toml", "--node", "test")
        with (tmp_path / "log").open("wb") as log:
            started.append(
                venue.start(*command, "--broker", broker_inside, stderr=log, cwd=tmp_path)
            )
        until(lambda: "subscribed to" in (tmp_path / "log").read_text(), 15)
        return started[-1]

    yield start
    for process in started:
        end(process)


def until(condition: Callable[[], Any], seconds: float = 5.0) -> Any:
    """Wait until a condition holds and return its value; fail after `seconds`."""
    limit = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < limit, "the condition did not hold in time"
        time.sleep(0.02)
    return result


@pytest.fixture(name="until")
def until_fixture() -> Callable[..., Any]:
    return until
